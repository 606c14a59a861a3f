//! The data plane over real sockets, on both drivers.

#![allow(unreachable_pub, reason = "a test is no library")]

mod support;

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use velum_proxy::drive::Choice;

use support::*;

/// One test for each driver.
macro_rules! on_both {
    ($($name:ident),* $(,)?) => {
        mod io_uring { $(#[test] fn $name() { super::$name(super::Choice::IoUring); })* }
        mod epoll { $(#[test] fn $name() { super::$name(super::Choice::Epoll); })* }
    };
}

on_both!(a_query_and_its_answer,);

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
    wait_until("the session ends", || gateway.connections() == 0);
    wait_until("the upstream is closed", || {
        upstream.sessions.load(Ordering::SeqCst) == 0
    });
}
