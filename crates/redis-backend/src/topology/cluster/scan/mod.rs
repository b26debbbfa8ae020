//! Reading the names of all keys of a cluster.

mod own_view;
mod progress;
mod slot_set;

use std::sync::Arc;

use larder_cache_core::{Call, Cursor, Error, ErrorKind, Glob, Result, ScanPage};
use tokio::time::{Instant, timeout_at};

use self::progress::{Pass, Progress};
use super::Cluster;
use super::errand::{deadline, left};
use super::member::Member;
use crate::commands::{self, Place};
use crate::error;
use crate::lane::Turn;

/// More passes than this, and than four for each node, show slots that never rest.
const MANY_PASSES: usize = 64;

impl Cluster {
    /// Visits the nodes one after the other, and those again whose slots have moved.
    pub(crate) async fn scan(
        &self,
        cursor: Cursor,
        pattern: &Glob,
        limit: usize,
        call: Call,
    ) -> Result<ScanPage> {
        let deadline = deadline(call);
        let progress = Progress::read(&cursor)?;
        let page = self.page(progress, pattern, limit, deadline).await;
        if page.is_err() {
            // The node may have been replaced.
            self.directory.request();
        }
        page
    }

    async fn page(
        &self,
        mut progress: Progress,
        pattern: &Glob,
        limit: usize,
        deadline: Instant,
    ) -> Result<ScanPage> {
        loop {
            let Some(member) = self.visited(&mut progress) else {
                match self.next(&mut progress, deadline).await? {
                    Some(member) => self.begin(&mut progress, &member, deadline).await?,
                    None => return Ok(last_page()),
                }
                continue;
            };
            let turn = turn(&member, deadline).await?;
            let Some(place) = resumed(&mut progress, &turn) else {
                continue;
            };
            let asked = commands::page(turn.link(), place, pattern, limit);
            let page = turn.run(asked).await?;
            match (page.next, &mut progress.pass) {
                (Some(next), Some(pass)) => pass.place = next,
                _ => progress.passed(own_view::ask(&turn, &member.place.host).await?),
            }
            let is_done = progress.left.is_empty();
            return Ok(ScanPage {
                keys: page.keys,
                next: (!is_done).then(|| progress.write()),
            });
        }
    }

    /// The node that is being visited, if it is still there in its role.
    fn visited(&self, progress: &mut Progress) -> Option<Arc<Member>> {
        let id = progress.pass.as_ref()?.member;
        let map = self.directory.map();
        let member = map.primaries().find(|member| member.id == id).cloned();
        if member.is_none() {
            progress.pass = None;
        }
        member
    }

    /// The node to be visited next; `None`: the scan is done.
    async fn next(
        &self,
        progress: &mut Progress,
        deadline: Instant,
    ) -> Result<Option<Arc<Member>>> {
        let nodes = self.directory.map().shards.len();
        if usize::try_from(progress.passes).unwrap_or(usize::MAX) > MANY_PASSES.max(4 * nodes) {
            return Err(restless());
        }
        while let Some(slot) = progress.next_slot() {
            if let Some(primary) = self.directory.primary(slot) {
                return Ok(Some(primary));
            }
            self.refresh(deadline).await?;
            let map = self.directory.map();
            if map.shards.is_empty() {
                return Err(self.directory.no_owner());
            }
            if map.owner(slot).is_none() {
                // Nobody holds it: there is no key in it.
                progress.left.remove(slot);
            }
        }
        let half = progress.half.first();
        Ok(half.map(|leaving| self.directory.node_at(&leaving.place)))
    }

    /// Begins to visit a node, if that is of use.
    async fn begin(
        &self,
        progress: &mut Progress,
        member: &Arc<Member>,
        deadline: Instant,
    ) -> Result<()> {
        let turn = turn(member, deadline).await?;
        let node = own_view::ask(&turn, &member.place.host).await?;
        progress.passes += 1;
        if progress.is_served_by(&node) {
            progress.pass = Some(Pass {
                member: member.id,
                place: Place::default(),
                held: node.slots,
            });
            return Ok(());
        }
        progress.half.clear();
        self.refresh(deadline).await
    }

    async fn refresh(&self, deadline: Instant) -> Result<()> {
        if self.directory.is_closed() {
            return Err(error::closed());
        }
        let refreshed = self.directory.refreshed();
        timeout_at(deadline, refreshed)
            .await
            .map_err(|_| restless())
    }
}

async fn turn(member: &Member, deadline: Instant) -> Result<Turn<'_>> {
    let call = Call::within(left(deadline).unwrap_or_default());
    member.lane().turn(call).await
}

/// Where to go on; `None` where the connection is another than before: a position means
/// nothing on it.
fn resumed(progress: &mut Progress, turn: &Turn<'_>) -> Option<Place> {
    let place = progress.pass.as_ref()?.place;
    if place.is_on(turn.link()) {
        return Some(place);
    }
    progress.pass = None;
    None
}

fn last_page() -> ScanPage {
    ScanPage {
        keys: Vec::new(),
        next: None,
    }
}

fn restless() -> Error {
    let message = "the cluster's slots keep moving, so that the scan does not end: begin it again \
                   when they have settled";
    Error::new(ErrorKind::Server, message).transient()
}

/// A cursor that was read and written again.
#[cfg(feature = "fuzzing")]
pub(crate) fn read_and_write(cursor: &Cursor) -> Result<Cursor> {
    Progress::read(cursor).map(|progress| progress.write())
}
