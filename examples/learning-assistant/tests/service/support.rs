//! A service to test: a small database in a directory of its own, and a cache.

use std::path::Path;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::header::CONTENT_TYPE;
use axum::http::{Method, Request, StatusCode};
use larder::{Config, NamespaceStats};
use learning_assistant::App;
use learning_assistant::database::{Database, Sample};
use serde_json::Value;
use tempfile::TempDir;
use tower::ServiceExt;

/// The name of the database's file.
pub(crate) const DATABASE: &str = "test.sqlite";

pub(crate) struct Service {
    pub(crate) app: App,
    router: Router,
}

/// Waits until something is true.
pub(crate) async fn until(what: &str, mut is_true: impl AsyncFnMut() -> bool) {
    let reached = async {
        while !is_true().await {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let waited = tokio::time::timeout(Duration::from_secs(60), reached).await;
    assert!(waited.is_ok(), "waited in vain: {what}");
}

/// Runs statements on the database, as another process would.
pub(crate) fn run_sql(directory: &TempDir, statements: &str) {
    let other = rusqlite::Connection::open(directory.path().join(DATABASE)).unwrap();
    other.busy_timeout(Duration::from_secs(30)).unwrap();
    other.execute_batch(statements).unwrap();
}

impl Service {
    pub(crate) async fn on_memory(directory: &TempDir) -> Self {
        Self::start(directory.path(), &[]).await
    }

    pub(crate) async fn on_redis(directory: &TempDir, url: &str) -> Self {
        Self::start(directory.path(), &[("REDIS_URL", url)]).await
    }

    async fn start(directory: &Path, variables: &[(&str, &str)]) -> Self {
        let config = Config::from_vars(variables.iter().copied()).unwrap();
        let path = directory.join(DATABASE);
        let database = Database::open(path, Sample::small(), |_| {}).await;
        let database = database.unwrap();
        let mut app = App::start(&config, database.clone()).await;
        until("the journal of a dropped service is closed", async || {
            if app.is_err() {
                app = App::start(&config, database.clone()).await;
            }
            app.is_ok()
        })
        .await;
        let app = app.unwrap();
        let router = app.router();
        Self { app, router }
    }

    pub(crate) async fn get(&self, path: &str) -> (StatusCode, Value) {
        self.send(Method::GET, path, Value::Null).await
    }

    /// The status, and the answer as JSON; an empty answer and plain text are `null`.
    pub(crate) async fn send(
        &self,
        method: Method,
        path: &str,
        body: Value,
    ) -> (StatusCode, Value) {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(CONTENT_TYPE, "application/json")
            .body(Body::from(body.to_string()));
        let answer = self.router.clone().oneshot(request.unwrap()).await.unwrap();
        let (head, body) = answer.into_parts();
        let body = to_bytes(body, usize::MAX).await.unwrap();
        (
            head.status,
            serde_json::from_slice(&body).unwrap_or_default(),
        )
    }

    pub(crate) async fn put(&self, path: &str, body: Value) -> StatusCode {
        self.send(Method::PUT, path, body).await.0
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> StatusCode {
        self.send(Method::POST, path, body).await.0
    }

    /// Reads past the cache.
    pub(crate) async fn get_from_database(&self, path: &str) -> (StatusCode, Value) {
        self.get(&format!("{path}?cache=bypass")).await
    }

    pub(crate) fn stats_of(&self, namespace: &str) -> NamespaceStats {
        let stats = self.app.cache.stats().namespaces;
        let found = stats.into_iter().find(|one| one.name == namespace);
        found.unwrap_or_default()
    }

    pub(crate) fn stats(&self) -> NamespaceStats {
        self.app.cache.stats().total()
    }

    pub(crate) fn queries(&self) -> u64 {
        self.app.tally().queries
    }
}
