//! Settings: one call writes the database and the cache.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::get;
use axum::{Json, Router};

use crate::app::App;
use crate::database::Settings;
use crate::error::AppError;
use crate::source::Source;

const MINUTES_A_DAY: u32 = 24 * 60;

pub(super) fn routes() -> Router<App> {
    Router::new().route("/users/{id}/settings", get(read).put(change))
}

async fn read(
    State(app): State<App>,
    Path(user): Path<u32>,
    source: Source,
) -> Result<Json<Arc<Settings>>, AppError> {
    let database = app.database.clone();
    let settings = match source {
        Source::Cache => {
            let load = move || async move { Ok::<_, AppError>(database.settings(user).await?) };
            app.settings.get(user.to_string(), load).await?
        }
        Source::Database => database.settings(user).await?.map(Arc::new),
    };
    app.count_read(source);
    settings.map(Json).ok_or(AppError::NotFound("user"))
}

async fn change(
    State(app): State<App>,
    Path(user): Path<u32>,
    Json(settings): Json<Settings>,
) -> Result<StatusCode, AppError> {
    if settings.daily_minutes > MINUTES_A_DAY {
        let why = format!("a day has {MINUTES_A_DAY} minutes");
        return Err(AppError::Invalid(why));
    }
    let database = app.database.clone();
    let write = |_, settings: Arc<Settings>| async move {
        let settings = Arc::unwrap_or_clone(settings);
        match database.change_settings(user, settings).await? {
            true => Ok(()),
            false => Err(AppError::NotFound("user")),
        }
    };
    let written = app.settings.set(user.to_string(), settings, write).await?;
    app.note_written(written);
    Ok(StatusCode::NO_CONTENT)
}
