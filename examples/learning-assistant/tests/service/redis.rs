use std::time::Duration;

use axum::http::StatusCode;
use larder_testkit::RedisServer;
use tempfile::tempdir;

use super::crowd::{Crowd, more_reads};
use super::support::Service;

#[tokio::test]
async fn a_new_process_begins_with_what_redis_has() {
    let (server, directory) = (RedisServer::start().unwrap(), tempdir().unwrap());
    let before = Service::on_redis(&directory, &server.url()).await;
    let (_, user) = before.get("/users/7").await;
    let report = before.app.shutdown(Duration::from_secs(5)).await;
    assert!(report.is_clean(), "{report:?}");

    let after = Service::on_redis(&directory, &server.url()).await;
    assert_eq!(after.get("/users/7").await, (StatusCode::OK, user));
    let stats = after.stats();
    assert_eq!((stats.l1_hits, stats.l2_hits, stats.loads), (0, 1, 0));
    assert_eq!(after.queries(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_request_fails_when_the_server_is_killed() {
    let (mut server, directory) = (RedisServer::start().unwrap(), tempdir().unwrap());
    let service = Service::on_redis(&directory, &server.url()).await;
    let crowd = Crowd::begin(&service.app, None).await;
    more_reads(&service.app, 1_000).await;
    assert!(service.stats().stored > 0);
    let before = missed_for_the_backend(&service);
    server.kill();
    more_reads(&service.app, 1_000).await;
    assert_eq!(crowd.stop().await.first_failure, None);
    assert!(missed_for_the_backend(&service) > before);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_request_fails_while_the_server_hangs() {
    let (server, directory) = (RedisServer::start().unwrap(), tempdir().unwrap());
    let service = Service::on_redis(&directory, &server.url()).await;
    let crowd = Crowd::begin(&service.app, None).await;
    more_reads(&service.app, 1_000).await;
    let before = missed_for_the_backend(&service);
    server.pause().unwrap();
    more_reads(&service.app, 1_000).await;
    assert!(missed_for_the_backend(&service) > before);
    server.resume().unwrap();
    more_reads(&service.app, 1_000).await;
    assert_eq!(crowd.stop().await.first_failure, None);
}

/// Reads that found nothing because the backend could not be asked.
fn missed_for_the_backend(service: &Service) -> u64 {
    let reasons = service.stats().miss_reasons;
    let backend = reasons.iter().find(|(reason, _)| *reason == "backend");
    backend.map_or(0, |(_, misses)| *misses)
}
