//! Progress is written behind.

use std::time::Duration;

use axum::http::StatusCode;
use serde_json::{Value, json};
use tempfile::{TempDir, tempdir};

use super::support::{Service, run_sql, until};

const PATH: &str = "/users/7/progress/3";

/// As long as this trigger is there, the database takes no progress.
const BREAK: &str = "CREATE TRIGGER broken BEFORE INSERT ON progress
    BEGIN SELECT RAISE(ABORT, 'the database is broken'); END";
const MEND: &str = "DROP TRIGGER broken";

fn at(position: u32) -> (StatusCode, Value) {
    let progress = json!({ "user": 7, "content": 3, "position": position });
    (StatusCode::OK, progress)
}

async fn report(service: &Service, path: &str, position: u32) {
    let status = service.post(path, json!({ "position": position })).await;
    assert_eq!(status, StatusCode::ACCEPTED);
}

async fn reports_are_read_before_the_database_has_them(service: &Service, directory: &TempDir) {
    run_sql(directory, BREAK);
    report(service, PATH, 10).await;
    assert_eq!(service.get(PATH).await, at(10));
    report(service, PATH, 20).await;
    assert_eq!(service.get(PATH).await, at(20));
    // The journal has it also where the cache does not.
    service.app.progress.cache().clear().await.unwrap();
    assert_eq!(service.get(PATH).await, at(20));
    let in_database = service.get_from_database(PATH).await;
    assert_eq!(in_database.0, StatusCode::NOT_FOUND);

    run_sql(directory, MEND);
    until("the database has it", async || {
        service.get_from_database(PATH).await == at(20)
    })
    .await;
    // It is counted a moment after the database has it. How many writes of a key become one row
    // depends on when they are gathered.
    until("the count", async || {
        let tally = service.app.tally();
        tally.events == 2 && (1..=2).contains(&tally.rows)
    })
    .await;
}

async fn the_end_writes_what_waits(service: &Service, directory: &TempDir) {
    run_sql(directory, BREAK);
    for position in [10, 20, 30] {
        report(service, PATH, position).await;
        report(service, "/users/8/progress/3", position).await;
    }
    run_sql(directory, MEND);
    let ending = service.app.shutdown(Duration::from_secs(30)).await;
    assert!(ending.is_clean(), "{ending}");
    assert_eq!(service.get_from_database(PATH).await, at(30));
    let tally = service.app.tally();
    assert_eq!(tally.events, 6, "{tally:?}");
    assert!((2..=6).contains(&tally.rows), "{tally:?}");
    let late = service.post(PATH, json!({ "position": 40 })).await;
    assert_eq!(late, StatusCode::SERVICE_UNAVAILABLE);
}

async fn what_a_crash_left_is_written_by_the_next(before: Service, directory: &TempDir) {
    run_sql(directory, BREAK);
    report(&before, PATH, 10).await;
    report(&before, PATH, 20).await;
    drop(before);

    // On a cache that knows nothing of it.
    let after = Service::on_memory(directory).await;
    assert_eq!(after.get(PATH).await, at(20));
    let in_database = after.get_from_database(PATH).await;
    assert_eq!(in_database.0, StatusCode::NOT_FOUND);
    run_sql(directory, MEND);
    until("the database has it", async || {
        after.get_from_database(PATH).await == at(20)
    })
    .await;
    let ending = after.app.shutdown(Duration::from_secs(30)).await;
    assert!(ending.is_clean(), "{ending}");
}

mod memory {
    use super::*;

    #[tokio::test]
    async fn reports_are_read_at_once() {
        let directory = tempdir().unwrap();
        let service = Service::on_memory(&directory).await;
        assert_eq!(service.get(PATH).await.0, StatusCode::NOT_FOUND);
        reports_are_read_before_the_database_has_them(&service, &directory).await;
    }

    #[tokio::test]
    async fn after_the_end_the_database_has_all() {
        let directory = tempdir().unwrap();
        let service = Service::on_memory(&directory).await;
        the_end_writes_what_waits(&service, &directory).await;
    }

    #[tokio::test]
    async fn a_crash_loses_nothing() {
        let directory = tempdir().unwrap();
        let service = Service::on_memory(&directory).await;
        what_a_crash_left_is_written_by_the_next(service, &directory).await;
    }

    #[tokio::test]
    async fn what_the_database_refuses_keeps_nothing_else_back() {
        let directory = tempdir().unwrap();
        let service = Service::on_memory(&directory).await;
        report(&service, "/users/99999/progress/3", 10).await;
        report(&service, PATH, 10).await;
        let ending = service.app.shutdown(Duration::from_secs(30)).await;
        assert_eq!(
            (ending.progress.left, ending.progress.dead_letters),
            (Some(0), 1)
        );
        assert_eq!(service.get_from_database(PATH).await, at(10));
        assert_eq!(service.app.tally().dead_letters, 1);
    }

    #[tokio::test]
    async fn a_late_write_changes_nothing() {
        let directory = tempdir().unwrap();
        let service = Service::on_memory(&directory).await;
        report(&service, PATH, 10).await;
        until("the database has it", async || {
            service.get_from_database(PATH).await == at(10)
        })
        .await;
        run_sql(
            &directory,
            "UPDATE progress SET sequence = sequence + (1 << 50)",
        );
        report(&service, PATH, 20).await;
        until("it was written", async || service.app.tally().rows == 2).await;
        assert_eq!(service.get_from_database(PATH).await, at(10));
    }
}

mod redis {
    use larder_testkit::RedisServer;

    use super::*;

    #[tokio::test]
    async fn reports_are_read_at_once() {
        let (server, directory) = (RedisServer::start().unwrap(), tempdir().unwrap());
        let service = Service::on_redis(&directory, &server.url()).await;
        reports_are_read_before_the_database_has_them(&service, &directory).await;
    }

    #[tokio::test]
    async fn after_the_end_the_database_has_all() {
        let (server, directory) = (RedisServer::start().unwrap(), tempdir().unwrap());
        let service = Service::on_redis(&directory, &server.url()).await;
        the_end_writes_what_waits(&service, &directory).await;
    }

    #[tokio::test]
    async fn a_crash_of_process_and_server_loses_nothing() {
        let (server, directory) = (RedisServer::start().unwrap(), tempdir().unwrap());
        let service = Service::on_redis(&directory, &server.url()).await;
        what_a_crash_left_is_written_by_the_next(service, &directory).await;
    }

    #[tokio::test]
    async fn reports_are_taken_and_read_without_the_server() {
        let (mut server, directory) = (RedisServer::start().unwrap(), tempdir().unwrap());
        let service = Service::on_redis(&directory, &server.url()).await;
        report(&service, PATH, 10).await;
        server.kill();
        report(&service, PATH, 20).await;
        assert_eq!(service.get(PATH).await, at(20));
        until("the database has it", async || {
            service.get_from_database(PATH).await == at(20)
        })
        .await;
        assert_eq!(service.get(PATH).await, at(20));
    }
}
