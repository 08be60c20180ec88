//! What happens when a path ends by itself: a connection (ICE-TCP) is closed, a UDP address never is.

use super::peer::Path;
use super::relay::Relay;

impl Relay {
    /// Nothing is sent on this path any more, and nothing from it is taken before its next authenticated check.
    pub fn close_path(&mut self, path: Path) {
        let owner = self.addresses.remove(&path);
        if let Some(peer) = owner.and_then(|session| self.peers.get_mut(&session)) {
            peer.forget_path(path);
        }
    }
}
