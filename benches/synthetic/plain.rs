//! The simplest relay on tokio-uring: what the gateway's own ring is measured against.

use std::io;
use std::net::SocketAddr;
use std::rc::Rc;

use tokio_uring::net::{TcpListener, TcpStream};

const BUFFER_BYTES: usize = 256 * 1024;

/// Copies between clients of `port` and `upstream`, in both directions, until the process ends.
pub fn run(port: u16, upstream: u16) -> io::Result<()> {
    tokio_uring::start(async move {
        let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], port)))?;
        loop {
            let (client, _) = listener.accept().await?;
            tokio_uring::spawn(async move {
                let server = TcpStream::connect(SocketAddr::from(([127, 0, 0, 1], upstream))).await;
                let Ok(server) = server else { return };
                let _ = client.set_nodelay(true);
                let _ = server.set_nodelay(true);
                let (client, server) = (Rc::new(client), Rc::new(server));
                tokio_uring::spawn(copy(Rc::clone(&client), Rc::clone(&server)));
                copy(server, client).await;
            });
        }
    })
}

async fn copy(from: Rc<TcpStream>, to: Rc<TcpStream>) {
    let mut buffer = vec![0; BUFFER_BYTES];
    loop {
        let (read, mut filled) = from.read(buffer).await;
        let count = match read {
            Ok(count) if count > 0 => count,
            _ => break,
        };
        filled.truncate(count);
        let (written, rest) = to.write_all(filled).await;
        if written.is_err() {
            break;
        }
        buffer = rest;
        buffer.resize(BUFFER_BYTES, 0);
    }
    let _ = to.shutdown(std::net::Shutdown::Write);
}
