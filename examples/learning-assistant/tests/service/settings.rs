//! Settings are written through.

use std::time::Duration;

use axum::http::StatusCode;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::support::{Service, run_sql};

const PATH: &str = "/users/7/settings";

fn german() -> Value {
    json!({ "language": "de", "daily_minutes": 45, "reminders": false })
}

async fn a_change_is_in_the_database_and_the_cache(service: &Service) {
    let (status, before) = service.get(PATH).await;
    assert_eq!(
        (status, &before["language"]),
        (StatusCode::OK, &json!("en"))
    );
    assert_eq!(service.put(PATH, german()).await, StatusCode::NO_CONTENT);
    let queries = service.queries();
    assert_eq!(service.get(PATH).await, (StatusCode::OK, german()));
    assert_eq!(service.queries(), queries, "the cache has it");
    let in_database = service.get_from_database(PATH).await;
    assert_eq!(in_database, (StatusCode::OK, german()));
    let tally = service.app.tally();
    assert_eq!((tally.written, tally.cached, tally.unconfirmed), (1, 1, 0));
}

async fn a_failed_change_leaves_what_the_database_has(service: &Service, directory: &TempDir) {
    assert_eq!(service.put(PATH, german()).await, StatusCode::NO_CONTENT);
    run_sql(
        directory,
        "CREATE TRIGGER refuse BEFORE INSERT ON settings
         BEGIN SELECT RAISE(ABORT, 'no more settings'); END",
    );
    let french = json!({ "language": "fr", "daily_minutes": 5, "reminders": true });
    let refused = service.put(PATH, french).await;
    assert_eq!(refused, StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(service.get(PATH).await, (StatusCode::OK, german()));
    let in_database = service.get_from_database(PATH).await;
    assert_eq!(in_database, (StatusCode::OK, german()));
    assert_eq!(service.app.tally().written, 1);
}

mod memory {
    use tempfile::tempdir;

    use super::*;

    #[tokio::test]
    async fn a_change_is_read_at_once() {
        let directory = tempdir().unwrap();
        let service = Service::on_memory(&directory).await;
        a_change_is_in_the_database_and_the_cache(&service).await;
    }

    #[tokio::test]
    async fn a_failed_change_changes_nothing() {
        let directory = tempdir().unwrap();
        let service = Service::on_memory(&directory).await;
        a_failed_change_leaves_what_the_database_has(&service, &directory).await;
    }

    #[tokio::test]
    async fn wrong_settings_are_told_so() {
        let directory = tempdir().unwrap();
        let service = Service::on_memory(&directory).await;
        let mut long = german();
        long["daily_minutes"] = json!(1_441);
        assert_eq!(service.put(PATH, long).await, StatusCode::BAD_REQUEST);
        let nobody = "/users/99999/settings";
        assert_eq!(service.put(nobody, german()).await, StatusCode::NOT_FOUND);
        assert_eq!(service.get(nobody).await.0, StatusCode::NOT_FOUND);
        let past_the_cache = service.get_from_database(nobody).await;
        assert_eq!(past_the_cache.0, StatusCode::NOT_FOUND);
    }
}

mod redis {
    use larder_testkit::RedisServer;
    use tempfile::tempdir;

    use super::*;

    #[tokio::test]
    async fn a_change_is_read_at_once_also_by_the_next_process() {
        let (server, directory) = (RedisServer::start().unwrap(), tempdir().unwrap());
        let before = Service::on_redis(&directory, &server.url()).await;
        a_change_is_in_the_database_and_the_cache(&before).await;
        let ending = before.app.shutdown(Duration::from_secs(5)).await;
        assert!(ending.is_clean(), "{ending}");

        let after = Service::on_redis(&directory, &server.url()).await;
        assert_eq!(after.get(PATH).await, (StatusCode::OK, german()));
        assert_eq!(after.queries(), 0);
    }

    #[tokio::test]
    async fn a_failed_change_changes_nothing() {
        let (server, directory) = (RedisServer::start().unwrap(), tempdir().unwrap());
        let service = Service::on_redis(&directory, &server.url()).await;
        a_failed_change_leaves_what_the_database_has(&service, &directory).await;
    }
}
