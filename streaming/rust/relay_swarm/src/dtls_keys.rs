//! Learns the SRTP keys of str0m's handshakes, so that viewers can say truly what they received although str0m sees only a sample.
//!
//! str0m does not hand its keys out; its DTLS provider is pluggable, so ours is the default one with an ear in it.

use std::cell::RefCell;
use std::time::Instant;

use str0m::crypto::dtls::{
    DtlsCert, DtlsImplError, DtlsInstance, DtlsOutput, DtlsProvider, DtlsVersion, ProtocolVersion,
    SrtpProfile,
};
use str0m::crypto::{CryptoError, from_feature_flags};

thread_local! {
    static HEARD: RefCell<Option<Keys>> = const { RefCell::new(None) };
}

/// Keying material of one handshake: client key, server key, client salt, server salt (RFC 5764 §4.2).
pub struct Keys {
    /// What was negotiated.
    pub profile: SrtpProfile,
    /// The exported bytes.
    pub material: Vec<u8>,
}

/// Takes the keys of the handshake that ended last on this thread.
pub fn take() -> Option<Keys> {
    HEARD.take()
}

/// Makes all of this process's str0m agents tell their keys to [`take`].
pub fn install() {
    let mut provider = from_feature_flags();
    provider.dtls_provider = Box::leak(Box::new(ListeningProvider(provider.dtls_provider)));
    provider.install_process_default();
}

#[derive(Debug)]
struct ListeningProvider(&'static dyn DtlsProvider);

impl DtlsProvider for ListeningProvider {
    fn generate_certificate(&self) -> Option<DtlsCert> {
        self.0.generate_certificate()
    }

    fn new_dtls(
        &self,
        cert: &DtlsCert,
        now: Instant,
        dtls_version: DtlsVersion,
        mtu: Option<usize>,
    ) -> Result<Box<dyn DtlsInstance>, CryptoError> {
        let inner = self.0.new_dtls(cert, now, dtls_version, mtu)?;
        Ok(Box::new(ListeningInstance(inner)))
    }
}

#[derive(Debug)]
struct ListeningInstance(Box<dyn DtlsInstance>);

impl DtlsInstance for ListeningInstance {
    fn set_active(&mut self, active: bool) {
        self.0.set_active(active);
    }

    fn handle_packet(&mut self, packet: &[u8]) -> Result<(), DtlsImplError> {
        self.0.handle_packet(packet)
    }

    fn poll_output<'a>(&mut self, buf: &'a mut [u8]) -> DtlsOutput<'a> {
        let output = self.0.poll_output(buf);
        if let DtlsOutput::KeyingMaterial(material, profile) = &output {
            HEARD.set(Some(Keys {
                profile: *profile,
                material: material.to_vec(),
            }));
        }
        output
    }

    fn handle_timeout(&mut self, now: Instant) -> Result<(), DtlsImplError> {
        self.0.handle_timeout(now)
    }

    fn send_application_data(&mut self, data: &[u8]) -> Result<(), DtlsImplError> {
        self.0.send_application_data(data)
    }

    fn is_active(&self) -> bool {
        self.0.is_active()
    }

    fn protocol_version(&self) -> Option<ProtocolVersion> {
        self.0.protocol_version()
    }

    fn is_closing(&self) -> bool {
        self.0.is_closing()
    }

    fn is_closed(&self) -> bool {
        self.0.is_closed()
    }

    fn close(&mut self) -> Result<(), DtlsImplError> {
        self.0.close()
    }
}
