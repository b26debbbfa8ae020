//! Contents are refreshed ahead.

use serde_json::json;
use tempfile::{TempDir, tempdir};

use super::support::{Service, run_sql, until};

const PATH: &str = "/content/3";

/// One reader waits, the first. All others get what is there, also while it is refreshed.
async fn a_new_text_comes_without_a_reader_that_waits(service: &Service, directory: &TempDir) {
    service.get(PATH).await;
    run_sql(directory, "UPDATE contents SET title = 'New' WHERE id = 3");
    until("the new text is there", async || {
        service.get(PATH).await.1["title"] == json!("New")
    })
    .await;
    let stats = service.stats_of("content");
    let waited = stats.misses - stats.stale_served;
    assert_eq!((waited, stats.joined), (1, 0), "{stats:?}");
    let refreshes = service.app.contents.stats();
    assert_eq!((refreshes.refreshed, refreshes.failed), (1, 0));
    assert_eq!(service.queries(), 2);
}

mod memory {
    use super::*;

    #[tokio::test]
    async fn nobody_waits_for_a_refresh() {
        let directory = tempdir().unwrap();
        let service = Service::on_memory(&directory).await;
        a_new_text_comes_without_a_reader_that_waits(&service, &directory).await;
    }

    #[tokio::test]
    async fn a_refresh_keeps_the_tag_of_the_course() {
        let directory = tempdir().unwrap();
        let service = Service::on_memory(&directory).await;
        service.get(PATH).await;
        until("it was refreshed", async || {
            service.get(PATH).await;
            service.app.contents.stats().refreshed == 1
        })
        .await;
        run_sql(&directory, "UPDATE contents SET title = 'New' WHERE id = 3");
        let tags = larder::Tags::any(["course:1"]);
        service
            .app
            .contents
            .cache()
            .invalidate_tags(tags)
            .await
            .unwrap();
        assert_eq!(service.get(PATH).await.1["title"], json!("New"));
    }
}

mod redis {
    use larder_testkit::RedisServer;

    use super::*;

    #[tokio::test]
    async fn nobody_waits_for_a_refresh() {
        let (server, directory) = (RedisServer::start().unwrap(), tempdir().unwrap());
        let service = Service::on_redis(&directory, &server.url()).await;
        a_new_text_comes_without_a_reader_that_waits(&service, &directory).await;
    }
}
