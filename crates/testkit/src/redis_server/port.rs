use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::io;
use std::net::{Ipv4Addr, TcpListener};

/// Below the range that the kernel gives to outgoing connections, for two reasons: while a server
/// is down no client can take its port, and a client that reconnects in a loop can't connect to
/// itself. The cluster bus (port + 10000) stays below that range as well.
const PORTS: std::ops::Range<u16> = 11_000..22_000;

/// A port that nobody holds at this moment; somebody may take it before it is used.
pub(crate) fn free() -> io::Result<u16> {
    listen().map(|(port, _)| port)
}

/// As many different ports as `count`, each as free as [`free`] finds one.
pub(crate) fn free_ports(count: usize) -> io::Result<Vec<u16>> {
    // All are held until the last is found: that makes them different.
    let held: io::Result<Vec<_>> = (0..count).map(|_| listen()).collect();
    Ok(held?.into_iter().map(|(port, _)| port).collect())
}

/// A listener on a port that was free.
pub(crate) fn listen() -> io::Result<(u16, TcpListener)> {
    let length = PORTS.end - PORTS.start;
    let offset = (RandomState::new().hash_one(std::process::id()) % u64::from(length)) as u16;
    (0..length)
        .map(|step| PORTS.start + (offset + step) % length)
        .find_map(|port| Some((port, TcpListener::bind((Ipv4Addr::LOCALHOST, port)).ok()?)))
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
    fn ports_that_are_free_together_differ() {
        let mut ports = free_ports(40).expect("free ports");
        ports.sort_unstable();
        ports.dedup();
        assert_eq!(ports.len(), 40);
    }

    #[test]
    fn a_free_port_can_be_bound() {
        let port = free().expect("a free port");
        assert!(PORTS.contains(&port), "{port}");
        TcpListener::bind((Ipv4Addr::LOCALHOST, port)).expect("the port is free");
    }
}
