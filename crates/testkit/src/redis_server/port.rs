use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::io;
use std::net::{Ipv4Addr, TcpListener};

/// Below the range that the kernel gives to outgoing connections, for two reasons: while a server
/// is down no client can take its port, and a client that reconnects in a loop can't connect to
/// itself. The cluster bus (port + 10000) stays below that range as well.
const PORTS: std::ops::Range<u16> = 11_000..22_000;

/// A port that nobody holds at this moment; somebody may take it before it is used.
pub(super) fn free() -> io::Result<u16> {
    let length = PORTS.end - PORTS.start;
    let offset = (RandomState::new().hash_one(std::process::id()) % u64::from(length)) as u16;
    (0..length)
        .map(|step| PORTS.start + (offset + step) % length)
        .find(|port| TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok())
        .ok_or_else(|| {
            io::Error::new(
                io::ErrorKind::AddrInUse,
                "every port of 11000 to 21999 is taken",
            )
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_free_port_can_be_bound() {
        let port = free().expect("a free port");
        assert!(PORTS.contains(&port), "{port}");
        TcpListener::bind((Ipv4Addr::LOCALHOST, port)).expect("the port is free");
    }
}
