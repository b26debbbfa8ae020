//! Courses and contents: contents are refreshed ahead of their readers; a course is a load with
//! a tag and a time to live of its own, and one more for all its contents.

use std::collections::HashMap;
use std::sync::Arc;

use axum::extract::{Path, State};
use axum::routing::get;
use axum::{Json, Router};
use larder::Ttl;

use crate::app::{App, find_contents};
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
    let content = match source {
        Source::Cache => app.contents.get(id.to_string()).await?,
        Source::Database => app.database.content(id).await?.map(Arc::new),
    };
    app.count_read(source);
    content.map(Json).ok_or(AppError::NotFound("content"))
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
            let load = move |missing| async move { find_contents(&database, missing).await };
            app.contents.cache().get_or_load_many(ids, load).await?
        }
        Source::Database => {
            let found = database.contents(ids).await?.into_iter();
            found
                .map(|content| (content.id, Arc::new(content)))
                .collect()
        }
    };
    app.count_read(source);
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
    app.count_read(source);
    course.ok_or(AppError::NotFound("course"))
}
