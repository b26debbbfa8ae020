//! The one error of the service, and the HTTP status it becomes.

use std::sync::Arc;
use std::{error, fmt};

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use larder::{ErrorKind, LoadError, WriteError};
use serde_json::json;

use crate::database::DatabaseError;

/// Why a request has no answer. It is `Clone`, because one failed load fails every request
/// that waited for it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum AppError {
    /// There is no such thing; the word names it.
    NotFound(&'static str),
    /// The request makes no sense; the sentence says why.
    Invalid(String),
    /// The database failed.
    Database(Arc<DatabaseError>),
    /// The cache refused the call.
    Cache(larder::Error),
    /// The load took too long.
    Deadline,
    /// Something that should not happen, and is in the log.
    Internal,
}

impl AppError {
    fn status(&self) -> StatusCode {
        match self {
            Self::NotFound(_) => StatusCode::NOT_FOUND,
            Self::Invalid(_) => StatusCode::BAD_REQUEST,
            Self::Cache(error) if error.kind() == ErrorKind::InvalidKey => StatusCode::BAD_REQUEST,
            // The end has begun, or the journal is full: try again, elsewhere or later.
            Self::Cache(error)
                if matches!(error.kind(), ErrorKind::Closed | ErrorKind::Backpressure) =>
            {
                StatusCode::SERVICE_UNAVAILABLE
            }
            Self::Deadline => StatusCode::GATEWAY_TIMEOUT,
            _ => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }
}

impl From<LoadError<AppError>> for AppError {
    fn from(error: LoadError<AppError>) -> Self {
        match error {
            LoadError::Loader(error) => Arc::unwrap_or_clone(error),
            LoadError::Cache(error) => Self::Cache(error),
            LoadError::Deadline => Self::Deadline,
            _ => Self::Internal,
        }
    }
}

impl From<WriteError<AppError>> for AppError {
    fn from(error: WriteError<AppError>) -> Self {
        match error {
            WriteError::Writer(error) => error,
            WriteError::Cache(error) => Self::Cache(error),
            _ => Self::Internal,
        }
    }
}

impl From<DatabaseError> for AppError {
    fn from(error: DatabaseError) -> Self {
        Self::Database(Arc::new(error))
    }
}

impl IntoResponse for AppError {
    fn into_response(self) -> Response {
        let status = self.status();
        let mut message = self.to_string();
        if status.is_server_error() {
            tracing::error!(error = &self as &dyn error::Error, "a request failed");
            // What went wrong in here is nobody's business out there.
            status
                .canonical_reason()
                .unwrap_or_default()
                .clone_into(&mut message);
        }
        (status, Json(json!({ "error": message }))).into_response()
    }
}

impl fmt::Display for AppError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotFound(what) => write!(f, "there is no such {what}"),
            Self::Invalid(why) => f.write_str(why),
            Self::Database(_) => f.write_str("the database failed"),
            Self::Cache(error) => error.fmt(f),
            Self::Deadline => f.write_str("the database took too long"),
            Self::Internal => f.write_str("an internal error"),
        }
    }
}

impl error::Error for AppError {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        match self {
            Self::Database(error) => Some(&**error),
            Self::Cache(error) => error::Error::source(error),
            _ => None,
        }
    }
}
