//! Users: `get_or_load`, and an invalidation after each write.

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
    let load = move || async move {
        let found = database.user(id).await?;
        found.ok_or(AppError::NotFound("user"))
    };
    let user = match source {
        Source::Cache => app.users.get_or_load(App::user_key(id), load).await?,
        Source::Database => Arc::new(load().await?),
    };
    app.count_read();
    Ok(Json(user))
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
