//! Sockets as every driver wants them.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::thread;
use std::time::{Duration, Instant};

use socket2::{Domain, Protocol, SockAddr, SockRef, Socket, TcpKeepalive, Type};

/// Connections that the kernel accepts ahead of us.
const BACKLOG: i32 = 4_096;
/// A peer that has vanished without a word is found out after about two minutes.
const KEEPALIVE_AFTER: Duration = Duration::from_secs(60);
const KEEPALIVE_EVERY: Duration = Duration::from_secs(15);
/// The kernel closes the listeners of a killed process that used io_uring some time after the
/// process is gone (20 ms were measured): so long may an address be in use at a restart.
const PREDECESSOR_GONE_WITHIN: Duration = Duration::from_secs(2);
const PREDECESSOR_POLL: Duration = Duration::from_millis(10);

/// `count` listeners of one address, among which the kernel spreads connections. The port may
/// be 0: all get the one that the first was given. Waits a moment for a predecessor to let go.
///
/// # Errors
/// The system's, such as an address in use.
pub fn listen(address: SocketAddr, count: usize) -> io::Result<Vec<TcpListener>> {
    nobody_else_listens(address)?;
    let mut listeners = Vec::with_capacity(count);
    let mut address = address;
    for _ in 0..count {
        let listener = listen_once(address)?;
        address = listener.local_addr()?;
        listeners.push(listener);
    }
    Ok(listeners)
}

/// Listeners that share a port share it with any process of the same user: without this, a
/// second gateway with another policy would get half of the connections, and a dying one would
/// reset them.
fn nobody_else_listens(address: SocketAddr) -> io::Result<()> {
    let began = Instant::now();
    loop {
        match bound(address, false) {
            Err(error)
                if error.kind() == io::ErrorKind::AddrInUse
                    && began.elapsed() < PREDECESSOR_GONE_WITHIN =>
            {
                thread::sleep(PREDECESSOR_POLL);
            }
            other => return other.map(drop),
        }
    }
}

fn listen_once(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = bound(address, true)?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

fn bound(address: SocketAddr, share_port: bool) -> io::Result<Socket> {
    let socket = Socket::new(
        Domain::for_address(address),
        Type::STREAM,
        Some(Protocol::TCP),
    )?;
    // A restart must not wait for connections of its predecessor to time out.
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(share_port)?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    socket.bind(&address.into())?;
    Ok(socket)
}

/// A socket that can be connected to `to`.
///
/// # Errors
/// The system's, such as no descriptor left.
pub fn for_upstream(to: &SockAddr) -> io::Result<Socket> {
    let socket = Socket::new(to.domain(), Type::STREAM, None)?;
    if !to.is_unix() {
        tune(&SockRef::from(&socket));
    }
    Ok(socket)
}

/// No delay for small messages, and keepalive. A socket that refuses works all the same.
pub fn tune(socket: &SockRef<'_>) {
    let keepalive = TcpKeepalive::new()
        .with_time(KEEPALIVE_AFTER)
        .with_interval(KEEPALIVE_EVERY);
    let _best_effort = socket.set_tcp_nodelay(true);
    let _best_effort = socket.set_tcp_keepalive(&keepalive);
}

/// True if accepting failed for want of something that closing connections will give back.
pub fn is_exhausted(error: &io::Error) -> bool {
    matches!(
        error.raw_os_error(),
        Some(libc::EMFILE | libc::ENFILE | libc::ENOMEM | libc::ENOBUFS)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn listeners_share_a_port_among_themselves_only() {
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        let ours = listen(any, 2).unwrap();
        let address = ours[0].local_addr().unwrap();
        assert_eq!(ours[1].local_addr().unwrap(), address);
        let refused = listen(address, 1).unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::AddrInUse);
    }

    #[test]
    fn a_predecessor_is_waited_for() {
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        let predecessor = listen(any, 2).unwrap();
        let address = predecessor[0].local_addr().unwrap();
        let leaves = thread::spawn(move || {
            thread::sleep(10 * PREDECESSOR_POLL);
            drop(predecessor);
        });
        assert_eq!(listen(address, 2).unwrap().len(), 2);
        leaves.join().unwrap();
    }
}
