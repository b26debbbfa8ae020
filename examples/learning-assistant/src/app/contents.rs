//! Contents are refreshed ahead: no reader of a popular one waits for the database.

use std::time::Duration;

use larder::{Loaded, RefreshAhead, RefreshAheadOptions, Result, TypedCache};

use crate::database::{Content, Database};
use crate::error::AppError;

/// How old the figures in a content may be. It is refreshed at 80 to 90 % of this time, if
/// somebody reads it then.
pub(super) const FRESH: Duration = Duration::from_secs(4);

/// Refreshes at once: of the database's connections one is left to those who wait.
const REFRESHES: usize = 3;

/// Contents whose refresh is due within this time are one query.
const LINGER: Duration = Duration::from_millis(20);

pub(super) fn start(
    cache: TypedCache<Content>,
    database: Database,
) -> Result<RefreshAhead<Content, AppError>> {
    let options = RefreshAheadOptions::new()
        .max_concurrent(REFRESHES)
        .linger(LINGER);
    RefreshAhead::batched(cache, options, move |keys: Vec<String>| {
        let database = database.clone();
        async move {
            // Keys are made of ids here; another one names no content.
            let ids = keys.iter().filter_map(|key| key.parse().ok()).collect();
            let found = find(&database, ids).await?;
            Ok(found.map(|(id, content)| (id.to_string(), content)))
        }
    })
}

/// The contents with these ids, by one query. Every content bears the tag of its course,
/// however it was loaded.
pub(crate) async fn find(
    database: &Database,
    ids: Vec<u32>,
) -> std::result::Result<impl Iterator<Item = (u32, Loaded<Content>)> + use<>, AppError> {
    let found = database.contents(ids).await?;
    Ok(found.into_iter().map(|content| {
        let course = format!("course:{}", content.course);
        (content.id, Loaded::value(content).tags([course]))
    }))
}
