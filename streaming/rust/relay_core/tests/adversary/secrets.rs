//! What holds keys has no text form that would show them: nobody can log them by accident.

use relay_core::forward::{Command, SessionKeys};
use relay_core::srtp::{Profile, SrtpContext};

/// Does not compile when the type has the trait: the call would be ambiguous.
macro_rules! assert_not_implemented {
    ($type:ty, $trait:path) => {
        const _: fn() = || {
            trait Ambiguous<Marker> {
                fn call() {}
            }
            impl<T: ?Sized> Ambiguous<()> for T {}
            struct Implemented;
            impl<T: ?Sized + $trait> Ambiguous<Implemented> for T {}
            let _ = <$type as Ambiguous<_>>::call;
        };
    };
}

assert_not_implemented!(SessionKeys, core::fmt::Debug);
assert_not_implemented!(SessionKeys, core::fmt::Display);
assert_not_implemented!(Command, core::fmt::Debug);

#[test]
fn the_text_of_a_context_is_its_profile_alone() {
    let context = SrtpContext::new(Profile::AeadAes128Gcm, &[0xab; 16], &[0xcd; 12]).unwrap();
    assert_eq!(
        format!("{context:?}"),
        "SrtpContext { profile: AeadAes128Gcm, .. }"
    );
}
