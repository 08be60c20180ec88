//! Opens the TCP listeners beside the UDP sockets: same addresses, same port number.

use std::io;
use std::net::UdpSocket;

use mio::net::TcpListener;

use crate::error::EngineError;
use crate::socket;

/// Tries to find an ephemeral number that is free for UDP and TCP.
const PORT_TRIES: usize = 16;

/// Binds every address for UDP and TCP to one port number; 0 = one ephemeral number shared by all.
pub fn bind_with_listeners(
    addresses: &[String],
    port: u16,
) -> Result<(Vec<UdpSocket>, Vec<TcpListener>), EngineError> {
    let mut attempt = 1;
    loop {
        let sockets = socket::bind_all(addresses, port)?;
        match listen_beside(&sockets) {
            Err(EngineError::Listen { source, .. })
                if port == 0
                    && attempt < PORT_TRIES
                    && source.kind() == io::ErrorKind::AddrInUse =>
            {
                attempt += 1;
            }
            listeners => return Ok((sockets, listeners?)),
        }
    }
}

fn listen_beside(sockets: &[UdpSocket]) -> Result<Vec<TcpListener>, EngineError> {
    let mut listeners = Vec::with_capacity(sockets.len());
    for socket in sockets {
        let address = socket.local_addr()?;
        listeners.push(
            TcpListener::bind(address).map_err(|source| EngineError::Listen {
                address: address.to_string(),
                source,
            })?,
        );
    }
    Ok(listeners)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn udp_and_tcp_share_the_port_number_on_every_address() {
        let addresses = ["127.0.0.1".to_owned(), "127.0.0.2".to_owned()];
        let (sockets, listeners) = bind_with_listeners(&addresses, 0).expect("loopback");
        for (socket, listener) in sockets.iter().zip(&listeners) {
            assert_eq!(
                socket.local_addr().expect("bound"),
                listener.local_addr().expect("bound")
            );
        }
    }

    #[test]
    fn a_taken_tcp_port_is_named() {
        let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("loopback");
        let address = taken.local_addr().expect("bound");
        let error = bind_with_listeners(&["127.0.0.1".into()], address.port()).expect_err("taken");
        assert!(
            error.to_string().contains(&format!("tcp {address}")),
            "{error}"
        );
    }
}
