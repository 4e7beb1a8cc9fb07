//! The proxy over real connections.

use std::time::Duration;

use doorkey_verifier::{Policy, ReverseProxy, Verifier, serve};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;

use crate::clock::ManualClock;
use crate::known::{directory, secret_key};
use crate::signer::{API, ISSUER};

async fn read_head(stream: &mut TcpStream) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.unwrap());
    }
    String::from_utf8(head).unwrap()
}

#[tokio::test]
async fn websockets_end_with_the_server() {
    let upstream = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let verifier = Verifier::new(Policy::new(ISSUER, API).unwrap()).unwrap();
    let verifier = verifier.with_directory(directory()).with_clock(ManualClock::new());
    let url = format!("http://{}", upstream.local_addr().unwrap()).parse().unwrap();
    let router = ReverseProxy::new(verifier, &url).unwrap().into_router();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel::<()>();
    let server = tokio::spawn(serve(listener, router, async { drop(stopped.await) }, Duration::from_secs(5)));

    let mut client = TcpStream::connect(address).await.unwrap();
    let key = secret_key().to_key_string();
    let handshake = "connection: upgrade\r\nupgrade: websocket";
    let request =
        format!("GET / HTTP/1.1\r\nhost: api.example.com\r\nauthorization: Bearer {}\r\n{handshake}\r\n\r\n", *key);
    client.write_all(request.as_bytes()).await.unwrap();
    let (mut service, _) = upstream.accept().await.unwrap();
    assert!(read_head(&mut service).await.contains("upgrade: websocket"));
    service.write_all(format!("HTTP/1.1 101 \r\n{handshake}\r\n\r\nhello").as_bytes()).await.unwrap();
    assert!(read_head(&mut client).await.starts_with("HTTP/1.1 101 "));
    let mut hello = [0; 5];
    client.read_exact(&mut hello).await.unwrap();
    assert_eq!(&hello, b"hello");

    drop(stop);
    assert!(server.await.unwrap());
    for mut side in [client, service] {
        let end = tokio::time::timeout(Duration::from_secs(5), side.read(&mut hello)).await;
        assert!(matches!(end, Ok(Ok(0) | Err(_))), "{end:?}");
    }
}
