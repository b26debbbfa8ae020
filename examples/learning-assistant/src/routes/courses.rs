//! Courses and contents: loads that may find nothing, with tags and times to live of their
//! own, and one load for many keys.

use std::collections::HashMap;
use std::sync::Arc;

use axum::extract::{Path, State};
use axum::routing::get;
use axum::{Json, Router};
use larder::{Loaded, Ttl};

use crate::app::App;
use crate::database::{Content, Course};
use crate::error::AppError;
use crate::source::Source;

pub(super) fn routes() -> Router<App> {
    Router::new()
        .route("/content/{id}", get(content))
        .route("/courses/{id}/contents", get(contents))
}

async fn content(
    State(app): State<App>,
    Path(id): Path<u32>,
    source: Source,
) -> Result<Json<Arc<Content>>, AppError> {
    let database = app.database.clone();
    let key = id.to_string();
    let content = match source {
        Source::Cache => {
            let load = move || async move {
                let found = database.content(id).await?;
                Ok::<_, AppError>(found.map_or_else(Loaded::absent, tagged))
            };
            app.contents.load(&key).with(load).await?
        }
        Source::Database => database.content(id).await?.map(Arc::new),
    };
    app.count_read();
    content.map(Json).ok_or(AppError::NotFound("content"))
}

/// Every content bears the tag of its course, however it was loaded.
fn tagged(content: Content) -> Loaded<Content> {
    let course = format!("course:{}", content.course);
    Loaded::value(content).tags([course])
}

async fn contents(
    State(app): State<App>,
    Path(id): Path<u32>,
    source: Source,
) -> Result<Json<Vec<Arc<Content>>>, AppError> {
    let course = course(&app, id, source).await?;
    let database = app.database.clone();
    let ids = course.contents.clone();
    let mut found: HashMap<u32, Arc<Content>> = match source {
        // Under the same keys as the single ones, so that each read serves the other.
        Source::Cache => {
            let load = move |missing| async move {
                let found = database.contents(missing).await?.into_iter();
                Ok::<_, AppError>(found.map(|content| (content.id, tagged(content))))
            };
            app.contents.get_or_load_many(ids, load).await?
        }
        Source::Database => {
            let found = database.contents(ids).await?.into_iter();
            found
                .map(|content| (content.id, Arc::new(content)))
                .collect()
        }
    };
    app.count_read();
    let in_order = course.contents.iter().filter_map(|id| found.remove(id));
    Ok(Json(in_order.collect()))
}

async fn course(app: &App, id: u32, source: Source) -> Result<Arc<Course>, AppError> {
    let database = app.database.clone();
    let course = match source {
        Source::Cache => {
            let load = move || async move { Ok::<_, AppError>(database.course(id).await?) };
            let request = app
                .courses
                .load(id.to_string())
                .ttl(Ttl::Long)
                .tags(["catalogue"]);
            request.with(load).await?
        }
        Source::Database => database.course(id).await?.map(Arc::new),
    };
    app.count_read();
    course.ok_or(AppError::NotFound("course"))
}
