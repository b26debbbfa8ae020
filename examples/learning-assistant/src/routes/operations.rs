//! For those who operate the service: its health, its figures, and what is cached.

use std::pin::pin;
use std::time::Duration;

use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::routing::get;
use axum::{Json, Router};
use futures_util::TryStreamExt;
use larder::{NamespaceStats, Status};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::app::App;

/// The most keys that a search answers with.
const MAX_FOUND: usize = 1_000;

pub(super) fn routes() -> Router<App> {
    Router::new()
        .route("/health", get(health))
        .route("/stats", get(stats))
        .route("/search", get(search))
}

/// A backend that is down degrades the service and does not stop it: that is no reason for
/// a load balancer to take it out.
async fn health(State(app): State<App>) -> (StatusCode, Json<Value>) {
    let health = app.cache.health().await;
    let status = match health.status {
        Status::Closed => StatusCode::SERVICE_UNAVAILABLE,
        _ => StatusCode::OK,
    };
    let backend = &health.backend;
    let nodes = backend
        .nodes
        .iter()
        .map(|node| json!({ "address": node.address, "role": node.role, "version": node.version }));
    let view = json!({
        "status": health.status.to_string(),
        "backend": {
            "name": backend.name,
            "latency_ms": backend.latency.map(millis),
            "error": backend.error.as_ref().map(ToString::to_string),
            "connections": backend.connections.active,
            "nodes": nodes.collect::<Vec<_>>(),
        },
        "background_tasks": health.background_tasks,
    });
    (status, Json(view))
}

async fn stats(State(app): State<App>) -> Json<Value> {
    let stats = app.cache.stats();
    let tally = app.tally();
    Json(json!({
        "total": namespace(&stats.total()),
        "namespaces": stats.namespaces.iter().map(namespace).collect::<Vec<_>>(),
        "l1": {
            "entries": stats.l1.entries,
            "bytes": stats.l1.bytes,
            "max_bytes": stats.l1.max_bytes,
        },
        "database": {
            "queries": tally.queries,
            "queries_avoided": tally.avoided(),
            "updates": tally.updates,
            "unconfirmed_changes": tally.unconfirmed,
        },
        "patterns": patterns(&app).await,
    }))
}

/// What waits in the journal is `null` where that can't be asked.
async fn patterns(app: &App) -> Value {
    let (tally, refreshes) = (app.tally(), app.contents.stats());
    let depth = app.progress.depth().await.ok();
    json!({
        "write_through": { "written": tally.written, "cached": tally.cached },
        "write_behind": {
            "events": tally.events,
            "rows": tally.rows,
            "transactions": tally.batches,
            "waiting": depth.map(|depth| depth.records),
            "dead_letters": depth.map(|depth| depth.dead_letters),
        },
        "refresh_ahead": {
            "refreshed": refreshes.refreshed,
            "failed": refreshes.failed,
            "queued": refreshes.queued,
        },
    })
}

fn namespace(stats: &NamespaceStats) -> Value {
    json!({
        "name": stats.name,
        "l1_hits": stats.l1_hits,
        "l2_hits": stats.l2_hits,
        "negative_hits": stats.negative_hits,
        "misses": stats.misses,
        "hit_rate": stats.hit_rate(),
        "stale_served": stats.stale_served,
        "joined": stats.joined,
        "loads": stats.loads,
        "failed_loads": stats.failed_loads,
        "load_time_ms": millis(stats.load_time),
    })
}

fn millis(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}

#[derive(Deserialize)]
struct Search {
    pattern: String,
}

/// The users in the cache whose keys match a pattern such as `profile:1*`. Where the
/// backend is down or there are too many, the answer is not `complete`.
async fn search(State(app): State<App>, Query(Search { pattern }): Query<Search>) -> Json<Value> {
    let mut batches = pin!(app.users.cache().keys_by_pattern(&pattern));
    let mut keys = Vec::new();
    let complete = loop {
        match batches.try_next().await {
            Ok(Some(batch)) if keys.len() < MAX_FOUND => keys.extend(batch),
            Ok(None) => break true,
            Ok(Some(_)) | Err(_) => break false,
        }
    };
    keys.truncate(MAX_FOUND);
    Json(json!({ "keys": keys, "complete": complete }))
}
