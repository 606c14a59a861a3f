//! More connections than the API has places for.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::House;
use crate::api::{Api, server};
use crate::places::Places;

/// Less than a silent connection is waited for.
const SOON: Duration = Duration::from_secs(5);

#[tokio::test]
async fn who_opens_many_and_says_nothing_takes_nobodys_place() {
    let house = House::new().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let api = Api::new(std::sync::Arc::clone(&house.bench.desk));
    let router = house.router.clone();
    tokio::spawn(async move { server::accept(listener, api, router, &Places::new(4)).await });
    let mut crowd = Vec::new();
    for _ in 0..40 {
        crowd.push(TcpStream::connect(address).await.unwrap());
    }
    let asked = async {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let request = b"GET /healthz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
        stream.write_all(request).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    };
    let answer = tokio::time::timeout(SOON, asked).await;
    assert!(answer.unwrap().starts_with("HTTP/1.1 "));
    // The first of them have been sent away, the last ones are still waited for.
    assert_eq!(crowd[0].read(&mut [0]).await.unwrap(), 0);
    let last = crowd.last_mut().unwrap();
    let silent = tokio::time::timeout(Duration::from_millis(50), last.read_u8()).await;
    assert!(silent.is_err());
}
