//! The data plane over real sockets, on both drivers.

#![allow(unreachable_pub, reason = "a test is no library")]
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod support;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use velum_proxy::demo::cluster::Authority;
use velum_proxy::drive::Choice;

use support::*;

/// One test for each driver.
macro_rules! on_both {
    ($($name:ident),* $(,)?) => {
        mod io_uring { $(#[test] fn $name() { super::$name(super::Choice::IoUring); })* }
        mod epoll { $(#[test] fn $name() { super::$name(super::Choice::Epoll); })* }
    };
}

on_both!(
    a_query_and_its_answer,
    a_bulk_result_and_a_slow_reader,
    the_end_of_a_result_reaches_a_slow_reader_over_tls,
    an_answer_after_a_half_close,
    resets_at_any_point,
    a_storm_of_connections,
    a_result_waits_for_its_record,
);

/// Rows of [`many_rows`].
const ROWS: usize = 40_000;
/// Bytes of each.
const CELL_BYTES: usize = 1_000;

fn cell(index: usize) -> Vec<u8> {
    (0..CELL_BYTES)
        .map(|at| b'a' + ((index * 7 + at) % 26) as u8)
        .collect()
}

/// A large result, written in pieces that know nothing of frames.
fn many_rows(_: &str, stream: &mut TcpStream) -> std::io::Result<()> {
    let mut bytes = description();
    for index in 0..ROWS {
        bytes.extend_from_slice(&row(&cell(index)));
    }
    bytes.extend_from_slice(&frame(b'C', b"SELECT\0"));
    bytes.extend_from_slice(&frame(b'Z', b"I"));
    let mut rest = &bytes[..];
    let mut piece = 1;
    while !rest.is_empty() {
        let (head, tail) = rest.split_at(piece.min(rest.len()));
        stream.write_all(head)?;
        rest = tail;
        piece = piece * 31 % 65_521 + 1;
    }
    Ok(())
}

fn is_gone(gateway: &Gateway, upstream: &Upstream) {
    wait_until("the session ends", || gateway.connections() == 0);
    wait_until("the upstream is closed", || {
        upstream.sessions.load(Ordering::SeqCst) == 0
    });
}

fn a_query_and_its_answer(driver: Choice) {
    let upstream = Upstream::start(Arc::new(one_row));
    let gateway = Gateway::start(Setup::new(driver, upstream.address));
    let mut client = Client::connect(gateway.address).unwrap();
    for _ in 0..3 {
        client.send(&query("select 1")).unwrap();
        let frames = client.until(b'Z').unwrap();
        assert_eq!(frames[1], (b'D', row(b"one")[5..].to_vec()));
    }
    assert_eq!(gateway.sessions(), 1);
    client.send(&frame(b'X', b"")).unwrap();
    assert_eq!(client.stream.read(&mut [0; 1]).unwrap(), 0);
    drop(client);
    is_gone(&gateway, &upstream);
}

fn a_bulk_result_and_a_slow_reader(driver: Choice) {
    let upstream = Upstream::start(Arc::new(many_rows));
    let gateway = Gateway::start(Setup::new(driver, upstream.address));
    let mut client = Client::connect(gateway.address).unwrap();
    client.send(&query("select many")).unwrap();
    // The client does not read: what the gateway holds must not grow with the result.
    std::thread::sleep(Duration::from_millis(400));
    let frames = client.until(b'Z').unwrap();
    let rows: Vec<_> = frames.into_iter().filter(|(tag, _)| *tag == b'D').collect();
    assert_eq!(rows.len(), ROWS);
    for (index, (_, body)) in rows.iter().enumerate() {
        assert_eq!(body[..], row(&cell(index))[5..], "row {index}");
    }
}

/// As many rows as the query says.
fn some_rows(text: &str, stream: &mut TcpStream) -> std::io::Result<()> {
    let mut bytes = description();
    for index in 0..text.parse().unwrap() {
        bytes.extend_from_slice(&row(&cell(index)));
    }
    bytes.extend_from_slice(&frame(b'C', b"SELECT\0"));
    bytes.extend_from_slice(&frame(b'Z', b"I"));
    stream.write_all(&bytes)
}

/// Results of many lengths, each larger than what the kernel holds, so that the last send of
/// some of them is short: what it leaves over is encrypted already and in no window any more.
fn the_end_of_a_result_reaches_a_slow_reader_over_tls(driver: Choice) {
    let upstream = Upstream::start(Arc::new(some_rows));
    let authority = Authority::new().unwrap();
    let mut setup = Setup::new(driver, upstream.address);
    setup.tls = Some(listener_tls(&authority));
    let gateway = Gateway::start(setup);
    let mut client = Client::connect_tls(gateway.address, &authority, 4_096).unwrap();
    for rows in (4_000..6_000).step_by(97) {
        client.send(&query(&rows.to_string())).unwrap();
        std::thread::sleep(Duration::from_millis(20));
        let frames = client.until(b'Z').unwrap();
        assert_eq!(frames.len(), rows + 3);
    }
}

fn an_answer_after_a_half_close(driver: Choice) {
    let upstream = Upstream::start(Arc::new(one_row));
    let gateway = Gateway::start(Setup::new(driver, upstream.address));
    let mut client = Client::connect(gateway.address).unwrap();
    client.send(&query("select 1")).unwrap();
    half_close(&client.stream);
    assert_eq!(client.until(b'Z').unwrap().len(), 4);
    drop(client);
    is_gone(&gateway, &upstream);
}

fn resets_at_any_point(driver: Choice) {
    let upstream = Upstream::start(Arc::new(many_rows));
    let gateway = Gateway::start(Setup::new(driver, upstream.address));
    let begin = [startup(), query("select many")].concat();
    for sent in (0..=begin.len()).step_by(5) {
        let mut stream = TcpStream::connect(gateway.address).unwrap();
        stream.write_all(&begin[..sent]).unwrap();
        if sent == begin.len() {
            stream.read_exact(&mut [0; 100_000]).unwrap();
        }
        reset(stream);
    }
    is_gone(&gateway, &upstream);
}

fn a_storm_of_connections(driver: Choice) {
    let upstream = Upstream::start(Arc::new(one_row));
    let gateway = Gateway::start(Setup::new(driver, upstream.address));
    let address = gateway.address;
    let before = resident_bytes();
    let clients: Vec<_> = (0..8)
        .map(|_| {
            std::thread::spawn(move || {
                for _ in 0..40 {
                    let mut client = Client::connect(address).unwrap();
                    client.send(&query("select 1")).unwrap();
                    assert_eq!(client.until(b'Z').unwrap().len(), 4);
                }
            })
        })
        .collect();
    for client in clients {
        client.join().unwrap();
    }
    is_gone(&gateway, &upstream);
    let grown = resident_bytes().saturating_sub(before);
    assert!(grown < 256 * 1024 * 1024, "{grown} bytes more than before");
}

fn a_result_waits_for_its_record(driver: Choice) {
    let upstream = Upstream::start(Arc::new(one_row));
    let mut setup = Setup::new(driver, upstream.address);
    setup.audit = false;
    let gateway = Gateway::start(setup);
    let client = std::thread::spawn({
        let address = gateway.address;
        move || {
            let mut client = Client::connect(address).unwrap();
            client.send(&query("select 1")).unwrap();
            client
                .stream
                .set_read_timeout(Some(Duration::from_millis(300)))
                .unwrap();
            assert!(
                client.stream.read(&mut [0; 1]).is_err(),
                "a byte before its record"
            );
            client
                .stream
                .set_read_timeout(Some(Duration::from_secs(10)))
                .unwrap();
            client
        }
    });
    let mut client = client.join().unwrap();
    gateway.audit.store(true, Ordering::SeqCst);
    assert_eq!(client.until(b'Z').unwrap().len(), 4);
}
