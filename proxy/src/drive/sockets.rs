//! Sockets as every driver wants them.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::time::Duration;

use socket2::{Domain, Protocol, SockAddr, SockRef, Socket, TcpKeepalive, Type};

/// Connections that the kernel accepts ahead of us.
const BACKLOG: i32 = 4_096;
/// A peer that has vanished without a word is found out after about two minutes.
const KEEPALIVE_AFTER: Duration = Duration::from_secs(60);
const KEEPALIVE_EVERY: Duration = Duration::from_secs(15);

/// `count` listeners of one address, among which the kernel spreads connections. The port may
/// be 0: all get the one that the first was given.
///
/// # Errors
/// The system's, such as an address in use.
pub fn listen(address: SocketAddr, count: usize) -> io::Result<Vec<TcpListener>> {
    let mut listeners = Vec::with_capacity(count);
    let mut address = address;
    for _ in 0..count {
        let listener = listen_once(address)?;
        address = listener.local_addr()?;
        listeners.push(listener);
    }
    Ok(listeners)
}

fn listen_once(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(
        Domain::for_address(address),
        Type::STREAM,
        Some(Protocol::TCP),
    )?;
    // A restart must not wait for connections of its predecessor to time out.
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(true)?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
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
