//! Progress: acknowledged once the journal has it; the database follows.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::get;
use axum::{Json, Router};
use serde::Deserialize;

use crate::app::App;
use crate::database::Progress;
use crate::error::AppError;
use crate::source::Source;

pub(super) fn routes() -> Router<App> {
    Router::new().route("/users/{id}/progress/{content}", get(read).post(report))
}

/// From the database it may be a second old: what waits in the journal is not there yet.
async fn read(
    State(app): State<App>,
    Path((user, content)): Path<(u32, u32)>,
    source: Source,
) -> Result<Json<Arc<Progress>>, AppError> {
    let database = app.database.clone();
    let load = move || async move { Ok::<_, AppError>(database.progress(user, content).await?) };
    let progress = match source {
        Source::Cache => {
            let key = App::progress_key(user, content);
            app.progress.get_or_load(key, load).await?
        }
        Source::Database => load().await?.map(Arc::new),
    };
    app.count_read(source);
    progress.map(Json).ok_or(AppError::NotFound("progress"))
}

#[derive(Deserialize)]
struct Position {
    position: u32,
}

/// The database is not asked, also not whether there is such a user: what it refuses later
/// goes to the dead letters.
async fn report(
    State(app): State<App>,
    Path((user, content)): Path<(u32, u32)>,
    Json(Position { position }): Json<Position>,
) -> Result<StatusCode, AppError> {
    let progress = Progress {
        user,
        content,
        position,
    };
    let key = App::progress_key(user, content);
    let journaled = app.progress.set(key, progress).await;
    app.note_journaled(journaled.map_err(AppError::Cache)?);
    Ok(StatusCode::ACCEPTED)
}
