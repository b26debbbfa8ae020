//! Tags that only a loader names: their epochs were not captured before the load.

use larder_cache_core::{Bytes, EpochRecord, EpochRequest, Key, Namespace, Result, Tag};

use super::{Captured, EPOCH_TTL, Known, Of, Source, Stand, is_valid};
use crate::guards::Guard;
use crate::shared::{Budget, Shared};

impl Shared {
    /// What an entry with these tags, which are sorted, will stand on after a load that began
    /// with what was captured.
    ///
    /// The epoch of a tag that only the loader names was not captured. It counts if it was
    /// known when the load began, or can be seen now not to have changed since. `None`: it
    /// was changed, or that can't be known.
    pub(crate) async fn stand_after(
        &self,
        captured: &Captured,
        settings: &Namespace,
        tags: &[Tag],
        budget: &mut Budget,
    ) -> Result<Option<Stand>> {
        if !self.guards.hold(Guard::EpochsBeforeLoad) {
            let view = self.view(settings, tags, Source::Backend, budget).await?;
            return Ok(Some(view.stand(tags, &self.l1)));
        }
        let mut view = captured.view.clone();
        let is_late = |tag: &&Tag| view.of(tag).is_none();
        let late: Vec<Tag> = tags.iter().filter(is_late).cloned().collect();
        let mut unknown = Vec::new();
        for tag in late {
            match self.held(&tag, captured) {
                Some(known) => view.extend([(tag, known)]),
                None => unknown.push(tag),
            }
        }
        if !unknown.is_empty() {
            let Some(seen) = Box::pin(self.unchanged(&unknown, captured, budget)).await? else {
                return Ok(None);
            };
            view.extend(unknown.into_iter().zip(seen));
        }
        let trusted = view.tags.len() == captured.view.tags.len() || self.trusts_epochs(settings);
        Ok(trusted.then(|| view.stand(tags, &self.l1)))
    }

    /// The epoch of a tag that was known when a load began, if it is so still.
    fn held(&self, tag: &Tag, captured: &Captured) -> Option<Known> {
        let known = self.epochs.get(Of::Tag(tag))?;
        let was_known = known.read <= captured.reads;
        let is_since = self.l1.is_epoch_since(known.generation, captured.moment);
        (was_known && is_since).then_some(known)
    }

    /// The epochs of tags that were not known when a load began, if none was changed since.
    ///
    /// The backend tells of a change before it answers what is asked after it, but may answer
    /// first what is asked in the same moment: so that it is asked twice. Where there is no
    /// record yet, and none came and went, one is made.
    async fn unchanged(
        &self,
        tags: &[Tag],
        captured: &Captured,
        budget: &mut Budget,
    ) -> Result<Option<Vec<Known>>> {
        let keys: Vec<Key> = tags
            .iter()
            .map(|tag| self.epoch_key(Of::Tag(tag)))
            .collect();
        let generations: Vec<_> = keys.iter().map(|key| self.l1.sample_epoch(key)).collect();
        let backend = &self.backend;
        let get = |call| backend.get(&keys, call);
        let first = self.call("epochs", budget, get).await?;
        let second = self.call("epochs", budget, get).await?;
        let is_since = |known| self.l1.is_epoch_since(known, captured.moment);
        if first != second || !generations.iter().all(|known| is_since(*known)) {
            return Ok(None);
        }
        let requests: Vec<_> = keys.iter().map(|key| self.epoch_request(key)).collect();
        let absent = first
            .iter()
            .zip(&requests)
            .filter(|(stored, _)| stored.is_none());
        let absent: Vec<_> = absent.map(|(_, request)| request.clone()).collect();
        if !absent.is_empty() {
            let made = self.call("epochs", budget, |call| {
                backend.epochs(&absent, EPOCH_TTL, call)
            });
            let mut ours = absent.iter().zip(made.await?);
            let is_ours = |(request, made): (&EpochRequest, Option<Bytes>)| {
                let record = made.as_deref().and_then(EpochRecord::decode);
                record == Some(EpochRecord::new(request.proposed))
            };
            if !ours.all(is_ours) {
                return Ok(None);
            }
        }
        let mut known = Vec::with_capacity(tags.len());
        for (index, (tag, stored)) in tags.iter().zip(first).enumerate() {
            let record = match stored {
                None => EpochRecord::new(requests[index].proposed),
                Some(stored) => match EpochRecord::decode(&stored).filter(is_valid) {
                    Some(record) => record,
                    None => self.replace_epoch(&keys[index], budget).await?,
                },
            };
            let of = Of::Tag(tag);
            known.push(self.epochs.insert(of, record, generations[index]));
        }
        Ok(Some(known))
    }
}
