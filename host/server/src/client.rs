//! Talking to a running server over its admin address.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::header::{CONTENT_TYPE, HOST};
use hyper::{Method, Request, StatusCode};
use hyper_util::rt::TokioIo;
use thiserror::Error;
use tokio::net::TcpStream;

/// Time for one call; a swap compiles.
const TIME: Duration = Duration::from_secs(120);
/// Largest answer, in bytes; the recording of a failed step is half as large at most.
const LARGEST_ANSWER: usize = 64 << 20;

/// Why a call had no answer.
#[derive(Debug, Error)]
pub enum ClientError {
    /// No connection.
    #[error("{address}: cannot be reached: {cause}")]
    Unreachable {
        /// The address as it was named.
        address: String,
        /// What the operating system says.
        cause: std::io::Error,
    },
    /// The address is none.
    #[error("{0}: not an address such as 127.0.0.1:8080")]
    Address(String),
    /// What came back is no HTTP, or too much.
    #[error("{0}: no proper answer: {1}")]
    Answer(String, Box<dyn std::error::Error + Send + Sync>),
    /// Nothing came back.
    #[error("{0}: no answer within {limit} s", limit = TIME.as_secs())]
    Silent(String),
}

/// What is asked of the server.
#[derive(Debug)]
pub enum Call {
    /// Read something.
    Get,
    /// Do something.
    Post,
    /// Take a component.
    PostComponent(Vec<u8>),
}

/// Calls the admin interface at `address`.
///
/// # Errors
/// There was no answer. An answer that refuses is no error here.
pub async fn call(address: &str, path: &str, what: Call) -> Result<(StatusCode, Bytes), ClientError> {
    match tokio::time::timeout(TIME, exchange(address, path, what)).await {
        Ok(answer) => answer,
        Err(_) => Err(ClientError::Silent(address.to_owned())),
    }
}

async fn exchange(address: &str, path: &str, what: Call) -> Result<(StatusCode, Bytes), ClientError> {
    let request = Request::builder().uri(path).header(HOST, address);
    let (request, body) = match what {
        Call::Get => (request, Vec::new()),
        Call::Post => (request.method(Method::POST), Vec::new()),
        Call::PostComponent(bytes) => {
            (request.method(Method::POST).header(CONTENT_TYPE, "application/wasm"), bytes)
        }
    };
    let request =
        request.body(Full::new(Bytes::from(body))).map_err(|_| ClientError::Address(address.to_owned()))?;
    let stream = TcpStream::connect(address)
        .await
        .map_err(|cause| ClientError::Unreachable { address: address.to_owned(), cause })?;
    let broken = |cause: hyper::Error| ClientError::Answer(address.to_owned(), cause.into());
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(broken)?;
    let connection = tokio::spawn(connection);
    let answer = sender.send_request(request).await.map_err(broken)?;
    let status = answer.status();
    let body = Limited::new(answer.into_body(), LARGEST_ANSWER).collect().await;
    connection.abort();
    match body {
        Ok(body) => Ok((status, body.to_bytes())),
        Err(cause) => Err(ClientError::Answer(address.to_owned(), cause)),
    }
}
