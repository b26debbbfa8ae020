//! The routes, one file for what is read and written together.

mod courses;
mod operations;
mod progress;
mod sessions;
mod settings;
mod users;

use axum::Router;

use crate::app::App;

pub(crate) fn all() -> Router<App> {
    Router::new()
        .merge(users::routes())
        .merge(settings::routes())
        .merge(progress::routes())
        .merge(courses::routes())
        .merge(sessions::routes())
        .merge(operations::routes())
}
