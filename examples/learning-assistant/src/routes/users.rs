//! Users: cache-aside. Reads load what is missing, and a write deletes the key.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::get;
use axum::{Json, Router};
use serde::Deserialize;

use crate::app::App;
use crate::database::User;
use crate::error::AppError;
use crate::source::Source;

pub(super) fn routes() -> Router<App> {
    Router::new().route("/users/{id}", get(read).put(rename))
}

async fn read(
    State(app): State<App>,
    Path(id): Path<u32>,
    source: Source,
) -> Result<Json<Arc<User>>, AppError> {
    let database = app.database.clone();
    let load = move || async move { Ok::<_, AppError>(database.user(id).await?) };
    let user = match source {
        Source::Cache => app.users.get(App::user_key(id), load).await?,
        Source::Database => load().await?.map(Arc::new),
    };
    app.count_read(source);
    user.map(Json).ok_or(AppError::NotFound("user"))
}

#[derive(Deserialize)]
struct Rename {
    name: String,
}

async fn rename(
    State(app): State<App>,
    Path(id): Path<u32>,
    Json(Rename { name }): Json<Rename>,
) -> Result<StatusCode, AppError> {
    if name.trim().is_empty() {
        return Err(AppError::Invalid("a name must not be empty".into()));
    }
    if !app.database.rename_user(id, name).await? {
        return Err(AppError::NotFound("user"));
    }
    // After the commit, never before: a load in between would bring the old value back.
    app.note(app.users.delete(App::user_key(id)).await);
    Ok(StatusCode::NO_CONTENT)
}
