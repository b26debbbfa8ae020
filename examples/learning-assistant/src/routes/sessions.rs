//! Sessions: written to the cache when they begin, because they are read at once.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::Deserialize;

use crate::app::App;
use crate::database::Session;
use crate::error::AppError;
use crate::source::Source;

pub(super) fn routes() -> Router<App> {
    Router::new()
        .route("/sessions", post(login))
        .route("/sessions/{token}", get(read).delete(logout))
}

#[derive(Deserialize)]
struct Login {
    user: u32,
}

async fn login(
    State(app): State<App>,
    Json(Login { user }): Json<Login>,
) -> Result<(StatusCode, Json<Arc<Session>>), AppError> {
    let begun = app.database.begin_session(new_token()?, user).await?;
    let session = Arc::new(begun.ok_or(AppError::NotFound("user"))?);
    app.note(app.sessions.set(&session.token, Arc::clone(&session)).await);
    Ok((StatusCode::CREATED, Json(session)))
}

async fn read(
    State(app): State<App>,
    Path(token): Path<String>,
    source: Source,
) -> Result<Json<Arc<Session>>, AppError> {
    let database = app.database.clone();
    let session = match source {
        Source::Cache => {
            let wanted = token.clone();
            let load = move || async move { Ok::<_, AppError>(database.session(wanted).await?) };
            app.sessions.load(&token).with(load).await?
        }
        Source::Database => database.session(token).await?.map(Arc::new),
    };
    app.count_read(source);
    session.map(Json).ok_or(AppError::NotFound("session"))
}

async fn logout(State(app): State<App>, Path(token): Path<String>) -> Result<StatusCode, AppError> {
    let ended = app.database.end_session(token.clone()).await?;
    app.note(app.sessions.delete(&token).await);
    if ended {
        Ok(StatusCode::NO_CONTENT)
    } else {
        Err(AppError::NotFound("session"))
    }
}

/// 128 bits that nobody can guess.
fn new_token() -> Result<String, AppError> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(|error| {
        tracing::error!(%error, "the operating system has no randomness");
        AppError::Internal
    })?;
    Ok(format!("{:032x}", u128::from_be_bytes(bytes)))
}
