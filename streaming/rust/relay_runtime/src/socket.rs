//! One UDP socket per announced address, never a wildcard (joints.md §1). A plain bind proves the port free: no SO_REUSEPORT.

use std::io;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::os::fd::AsRawFd;
use std::str::FromStr;

use socket2::{Domain, Protocol, Socket, Type};

use crate::error::EngineError;
use crate::sys;

/// Room for what arrives, or waits to leave, while the worker is busy with a burst.
const BUFFER_BYTES: usize = 4 << 20;
/// Tries to find an ephemeral port that is free on every address.
const PORT_TRIES: usize = 16;

/// Binds every address to one port; 0 = one ephemeral port shared by all.
pub fn bind_all(addresses: &[String], port: u16) -> Result<Vec<UdpSocket>, EngineError> {
    let mut parsed = Vec::new();
    for address in addresses {
        let ip = IpAddr::from_str(address)
            .map_err(|_| EngineError::InvalidArgument(format!("not an ip address: {address}")))?
            .to_canonical();
        if ip.is_unspecified() || ip.is_multicast() {
            return Err(EngineError::InvalidArgument(format!(
                "not an address to announce: {address}"
            )));
        }
        if !parsed.contains(&ip) {
            parsed.push(ip);
        }
    }
    if parsed.is_empty() {
        return Err(EngineError::InvalidArgument("no addresses".into()));
    }
    for attempt in 1.. {
        match try_bind_all(&parsed, port) {
            Err(EngineError::Bind { source, .. })
                if port == 0
                    && attempt < PORT_TRIES
                    && source.kind() == io::ErrorKind::AddrInUse => {}
            result => return result,
        }
    }
    Ok(Vec::new())
}

fn try_bind_all(addresses: &[IpAddr], port: u16) -> Result<Vec<UdpSocket>, EngineError> {
    let mut sockets: Vec<UdpSocket> = Vec::new();
    let mut shared_port = port;
    for ip in addresses {
        let address = SocketAddr::new(*ip, shared_port);
        let bound = bind(address).map_err(|source| EngineError::Bind {
            address: address.to_string(),
            source,
        })?;
        shared_port = bound.local_addr()?.port();
        sockets.push(bound);
    }
    Ok(sockets)
}

fn bind(address: SocketAddr) -> io::Result<UdpSocket> {
    let socket = Socket::new(
        Domain::for_address(address),
        Type::DGRAM.nonblocking().cloexec(),
        Some(Protocol::UDP),
    )?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    if !sys::force_buffers(socket.as_raw_fd(), BUFFER_BYTES) {
        // The system may grant less; a smaller buffer only costs packets under load.
        let _ = socket.set_recv_buffer_size(BUFFER_BYTES);
        let _ = socket.set_send_buffer_size(BUFFER_BYTES);
    }
    sys::stamp_arrivals(socket.as_raw_fd());
    socket.bind(&address.into())?;
    Ok(socket.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_addresses_share_one_ephemeral_port() {
        let sockets = bind_all(
            &["127.0.0.1".into(), "127.0.0.2".into(), "127.0.0.1".into()],
            0,
        )
        .expect("loopback");
        let ports: Vec<_> = sockets
            .iter()
            .map(|socket| socket.local_addr().expect("bound").port())
            .collect();
        assert_eq!(ports.len(), 2);
        assert_eq!(ports[0], ports[1]);
    }

    #[test]
    fn a_taken_port_is_named() {
        let taken = UdpSocket::bind("127.0.0.1:0").expect("loopback");
        let port = taken.local_addr().expect("bound").port();
        let error = bind_all(&["127.0.0.1".into()], port).expect_err("taken");
        assert!(
            error.to_string().contains(&format!("127.0.0.1:{port}")),
            "{error}"
        );
    }

    #[test]
    fn a_wildcard_is_refused() {
        for address in ["0.0.0.0", "::", "224.0.0.1", "host"] {
            assert!(
                matches!(
                    bind_all(&[address.into()], 0),
                    Err(EngineError::InvalidArgument(_))
                ),
                "{address}"
            );
        }
    }
}
