//! What entries are worth: by what is remembered, and where that is not enough, by the backend.

use larder_cache_core::{Header, Kind, Namespace, Result, Standing, Tag};

use super::{Source, View};
use crate::l1::{Marks, Memory};
use crate::shared::{Budget, Shared};

/// The epochs that some entries stand on.
#[derive(Debug)]
pub(crate) struct Judge {
    remembered: View,
    /// By what the backend said, of entries that are not valid by what was remembered.
    confirmed: Option<View>,
}

impl Judge {
    /// What an entry is worth, and what it stands on.
    pub(crate) fn judge(&self, header: &Header, l1: &Memory) -> (Standing, Option<Marks>) {
        let judged = self.remembered.judge(header, l1);
        match &self.confirmed {
            Some(confirmed) if judged.0 != Standing::Valid => confirmed.judge(header, l1),
            _ => judged,
        }
    }
}

impl Shared {
    /// Judges entries that were read before.
    ///
    /// An epoch that is remembered may have been changed or lost since, and the entry stored
    /// under the one that took its place: the backend is asked before an entry is taken for
    /// invalid.
    pub(crate) async fn judge_of(
        &self,
        settings: &Namespace,
        headers: &[&Header],
        budget: &mut Budget,
    ) -> Result<Judge> {
        let tags_of =
            |of: &[&Header]| -> Vec<Tag> { of.iter().flat_map(|one| one.tag_names()).collect() };
        let tags = tags_of(headers);
        let view = self.view(settings, &tags, Source::Memory, budget);
        let remembered = view.await?;
        let is_doubtful = |header: &&&Header| {
            header.kind != Kind::Placeholder
                && remembered.judge(header, &self.l1).0 != Standing::Valid
        };
        let doubtful: Vec<&Header> = headers.iter().filter(is_doubtful).copied().collect();
        let mut confirmed = None;
        if !doubtful.is_empty() {
            let tags = tags_of(&doubtful);
            let view = self.view(settings, &tags, Source::Backend, budget);
            confirmed = Some(view.await?);
        }
        Ok(Judge {
            remembered,
            confirmed,
        })
    }
}
