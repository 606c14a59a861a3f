//! A server that speaks just enough PostgreSQL to answer from memory, faster than any database.

use std::io;
use std::sync::Arc;
use std::thread;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use velum_benches::result::frame;

/// What the client asks for: the answer of this number.
pub fn question(answer: usize) -> String {
    format!("SELECT c1, c2 FROM t WHERE c1 = '{answer}'")
}

/// Recorded answers, by their number.
pub type Answers = Arc<Vec<Vec<u8>>>;

/// Serves `answers` from a thread of its own until the process ends; gives the port.
pub fn serve(answers: Answers) -> io::Result<u16> {
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0))?;
    listener.set_nonblocking(true)?;
    let port = listener.local_addr()?.port();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .build()?;
    thread::spawn(move || {
        let local = tokio::task::LocalSet::new();
        local.block_on(&runtime, async move {
            let listener = TcpListener::from_std(listener).expect("a listener of this runtime");
            while let Ok((stream, _)) = listener.accept().await {
                let answers = Arc::clone(&answers);
                tokio::task::spawn_local(async move {
                    let _client_is_gone = session(stream, &answers).await;
                });
            }
        });
    });
    Ok(port)
}

async fn session(mut stream: TcpStream, answers: &Answers) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut length = [0; 4];
    stream.read_exact(&mut length).await?;
    let mut body = vec![0; u32::from_be_bytes(length) as usize - 4];
    stream.read_exact(&mut body).await?;
    stream.write_all(&greeting()).await?;
    loop {
        let mut header = [0; 5];
        stream.read_exact(&mut header).await?;
        let length = u32::from_be_bytes([header[1], header[2], header[3], header[4]]);
        body.resize(length as usize - 4, 0);
        stream.read_exact(&mut body).await?;
        if header[0] != b'Q' {
            return Ok(());
        }
        let text = String::from_utf8_lossy(&body);
        let number = text
            .rsplit('\'')
            .nth(1)
            .and_then(|number| number.parse().ok());
        let answer = number.and_then(|number: usize| answers.get(number));
        stream
            .write_all(answer.expect("an answer of this number"))
            .await?;
    }
}

fn greeting() -> Vec<u8> {
    let mut out = Vec::new();
    frame(&mut out, b'R', &[0; 4]);
    for (name, value) in [
        ("server_version", "15.0"),
        ("client_encoding", "UTF8"),
        ("standard_conforming_strings", "on"),
        ("DateStyle", "ISO, MDY"),
        ("integer_datetimes", "on"),
    ] {
        frame(&mut out, b'S', format!("{name}\0{value}\0").as_bytes());
    }
    frame(&mut out, b'K', &[0, 0, 0, 1, 0, 0, 0, 1]);
    frame(&mut out, b'Z', b"I");
    out
}
