use std::pin::pin;
use std::time::Duration;

use axum::http::{Method, StatusCode};
use futures_util::future::join_all;
use serde_json::{Value, json};
use tempfile::tempdir;

use super::support::{DATABASE, Service};

#[tokio::test]
async fn what_was_read_once_costs_no_query_again() {
    let directory = tempdir().unwrap();
    let service = Service::on_memory(&directory).await;
    let (status, first) = service.get("/users/7").await;
    assert_eq!((status, &first["id"]), (StatusCode::OK, &json!(7)));
    assert_eq!(service.get("/users/7").await, (StatusCode::OK, first));
    assert_eq!((service.queries(), service.stats().l1_hits), (1, 1));
    assert_eq!(service.app.tally().avoided(), 1);
}

#[tokio::test]
async fn an_update_is_seen_at_once() {
    let directory = tempdir().unwrap();
    let service = Service::on_memory(&directory).await;
    service.get("/users/7").await;
    let rename = json!({ "name": "Grace" });
    let (status, _) = service.send(Method::PUT, "/users/7", rename).await;
    assert_eq!(status, StatusCode::NO_CONTENT);
    assert_eq!(service.get("/users/7").await.1["name"], "Grace");
    assert_eq!((service.queries(), service.app.tally().updates), (2, 1));
}

#[tokio::test]
async fn what_is_absent_is_remembered() {
    let directory = tempdir().unwrap();
    let service = Service::on_memory(&directory).await;
    for _ in 0..2 {
        assert_eq!(service.get("/content/9999").await.0, StatusCode::NOT_FOUND);
    }
    assert_eq!((service.queries(), service.stats().negative_hits), (1, 1));
}

#[tokio::test]
async fn a_course_is_two_queries_and_serves_single_reads() {
    let directory = tempdir().unwrap();
    let service = Service::on_memory(&directory).await;
    let (status, contents) = service.get("/courses/2/contents").await;
    assert_eq!((status, service.queries()), (StatusCode::OK, 2));
    let ids: Vec<&Value> = contents
        .as_array()
        .unwrap()
        .iter()
        .map(|c| &c["id"])
        .collect();
    assert_eq!(json!(ids), json!((13..=24).collect::<Vec<_>>()));

    assert_eq!(service.get("/content/13").await.1, contents[0]);
    assert_eq!(service.get("/courses/2/contents").await.1, contents);
    assert_eq!(service.queries(), 2);
    assert_eq!(
        service.get("/courses/99/contents").await.0,
        StatusCode::NOT_FOUND
    );
}

#[tokio::test]
async fn a_session_is_cached_from_login_to_logout() {
    let directory = tempdir().unwrap();
    let service = Service::on_memory(&directory).await;
    let (status, session) = service
        .send(Method::POST, "/sessions", json!({ "user": 3 }))
        .await;
    assert_eq!(status, StatusCode::CREATED);
    let path = format!("/sessions/{}", session["token"].as_str().unwrap());
    assert_eq!(service.get(&path).await, (StatusCode::OK, session));
    assert_eq!(service.queries(), 0);

    let (status, _) = service.send(Method::DELETE, &path, Value::Null).await;
    assert_eq!(status, StatusCode::NO_CONTENT);
    assert_eq!(service.get(&path).await.0, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_read_past_the_cache_leaves_it_alone() {
    let directory = tempdir().unwrap();
    let service = Service::on_memory(&directory).await;
    let (_, through) = service.get("/users/7").await;
    let before = service.stats();
    assert_eq!(service.get("/users/7?cache=bypass").await.1, through);
    for path in ["/content/3", "/courses/1/contents", "/sessions/none"] {
        service.get(&format!("{path}?cache=bypass")).await;
    }
    assert_eq!(service.stats(), before);
    assert_eq!(service.queries(), 6);
}

#[tokio::test]
async fn a_search_finds_what_is_cached() {
    let directory = tempdir().unwrap();
    let service = Service::on_memory(&directory).await;
    for id in [1, 11, 2] {
        service.get(&format!("/users/{id}")).await;
    }
    let (status, mut found) = service.get("/search?pattern=profile:1*").await;
    found["keys"]
        .as_array_mut()
        .unwrap()
        .sort_by_key(Value::to_string);
    let expected = json!({ "keys": ["profile:1", "profile:11"], "complete": true });
    assert_eq!((status, found), (StatusCode::OK, expected));
}

#[tokio::test]
async fn health_and_figures_are_told_until_the_end() {
    let directory = tempdir().unwrap();
    let service = Service::on_memory(&directory).await;
    service.get("/users/7").await;
    let (status, health) = service.get("/health").await;
    assert_eq!(
        (status, &health["status"]),
        (StatusCode::OK, &json!("healthy"))
    );
    let (_, stats) = service.get("/stats").await;
    assert_eq!(stats["total"]["loads"], 1);
    assert_eq!(stats["database"]["queries"], 1);

    let ending = service.app.shutdown(Duration::from_secs(5)).await;
    assert!(ending.is_clean(), "{ending}");
    assert_eq!(
        service.get("/health").await.0,
        StatusCode::SERVICE_UNAVAILABLE
    );
}

#[tokio::test]
async fn wrong_requests_are_told_so() {
    let directory = tempdir().unwrap();
    let service = Service::on_memory(&directory).await;
    for path in ["/users/99999", "/sessions/none", "/nothing"] {
        assert_eq!(service.get(path).await.0, StatusCode::NOT_FOUND, "{path}");
    }
    for path in ["/users/me", "/content/-1", "/search"] {
        assert_eq!(service.get(path).await.0, StatusCode::BAD_REQUEST, "{path}");
    }
    let long = format!("/sessions/{}", "x".repeat(5_000));
    assert_eq!(service.get(&long).await.0, StatusCode::BAD_REQUEST);
    let check = async |path: &str, body: Value, expected| {
        let (status, answer) = service.send(Method::PUT, path, body).await;
        assert_eq!(status, expected, "{answer}");
    };
    check("/users/7", json!({ "name": " " }), StatusCode::BAD_REQUEST).await;
    check(
        "/users/99999",
        json!({ "name": "Ada" }),
        StatusCode::NOT_FOUND,
    )
    .await;
    let (status, _) = service
        .send(Method::POST, "/sessions", json!({ "user": 99_999 }))
        .await;
    assert_eq!(status, StatusCode::NOT_FOUND);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_readers_one_asks_the_database() {
    let directory = tempdir().unwrap();
    let service = Service::on_memory(&directory).await;
    let answers = join_all((0..64).map(|_| service.get("/users/7"))).await;
    assert!(answers.iter().all(|answer| *answer == answers[0]));
    assert_eq!(service.queries(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_database_bears_many_writers_and_readers() {
    let directory = tempdir().unwrap();
    let service = Service::on_memory(&directory).await;
    let requests = (0..200).map(async |number: usize| {
        let path = format!("/users/{}", number % 50 + 1);
        let rename = json!({ "name": format!("Learner {number}") });
        let (written, _) = service.send(Method::PUT, &path, rename).await;
        let (read, _) = service.get(&format!("{path}?cache=bypass")).await;
        assert_eq!((written, read), (StatusCode::NO_CONTENT, StatusCode::OK));
    });
    join_all(requests).await;
}

#[tokio::test]
async fn a_write_waits_for_another_process_that_writes() {
    let directory = tempdir().unwrap();
    let service = Service::on_memory(&directory).await;
    let other = rusqlite::Connection::open(directory.path().join(DATABASE)).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();

    let mut write = pin!(service.send(Method::PUT, "/users/7", json!({ "name": "Grace" })));
    let early = tokio::time::timeout(Duration::from_millis(100), &mut write).await;
    assert!(early.is_err(), "{early:?}");
    other.execute_batch("COMMIT").unwrap();
    assert_eq!(write.await.0, StatusCode::NO_CONTENT);
}
