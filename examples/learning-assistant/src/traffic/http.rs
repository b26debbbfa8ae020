//! The clients' side of HTTP.

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes, to_bytes};
use axum::http::header::CONTENT_TYPE;
use axum::http::{Method, Request, StatusCode};
use hyper_util::client::legacy;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::Value;

/// How long a client waits before it calls the request failed.
const TIMEOUT: Duration = Duration::from_secs(15);

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Sends requests to one service, over connections that are kept open.
#[derive(Clone, Debug)]
pub(super) struct Http {
    client: legacy::Client<HttpConnector, Body>,
    url: Arc<str>,
}

impl Http {
    pub(super) fn new(url: &str) -> Self {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        Self {
            client: legacy::Client::builder(TokioExecutor::new()).build(connector),
            url: url.into(),
        }
    }

    /// The status and the body of the answer, once all of it is here.
    pub(super) async fn send(
        &self,
        method: Method,
        path: &str,
        body: Option<Value>,
    ) -> Result<(StatusCode, Bytes), BoxError> {
        let request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.url));
        let request = match body {
            Some(json) => request
                .header(CONTENT_TYPE, "application/json")
                .body(Body::from(json.to_string()))?,
            None => request.body(Body::empty())?,
        };
        let answer = async {
            let (head, body) = self.client.request(request).await?.into_parts();
            Ok((head.status, to_bytes(Body::new(body), usize::MAX).await?))
        };
        tokio::time::timeout(TIMEOUT, answer).await?
    }
}
