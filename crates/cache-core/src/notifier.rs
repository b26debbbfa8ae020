//! Notifiers: where news for people goes.

use std::fmt::Debug;

use async_trait::async_trait;

use crate::error::Result;

/// Delivers notices to where people look: a log, a chat, a webhook.
#[async_trait]
pub trait Notifier: Debug + Send + Sync + 'static {
    /// Delivers one notice.
    ///
    /// # Errors
    /// When it could not be delivered; the sender logs that and goes on.
    async fn notify(&self, notice: &Notice) -> Result<()>;
}

/// Something that people should know.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Notice {
    /// How urgent it is.
    pub severity: Severity,
    /// What it is about, as a stable name such as `backend.down`.
    pub topic: String,
    /// One sentence for people.
    pub message: String,
}

/// How urgent a [`Notice`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Severity {
    /// Worth knowing.
    Info,
    /// Look at it today.
    Warning,
    /// Look at it now.
    Critical,
}

impl Notice {
    /// A notice.
    pub fn new(severity: Severity, topic: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            severity,
            topic: topic.into(),
            message: message.into(),
        }
    }
}

/// Writes notices to the log, through `tracing`.
#[derive(Clone, Copy, Debug, Default)]
pub struct LogNotifier;

#[async_trait]
impl Notifier for LogNotifier {
    async fn notify(&self, notice: &Notice) -> Result<()> {
        let Notice { topic, message, .. } = notice;
        match notice.severity {
            Severity::Info => tracing::info!(%topic, "{message}"),
            Severity::Warning => tracing::warn!(%topic, "{message}"),
            Severity::Critical => tracing::error!(%topic, "{message}"),
        }
        Ok(())
    }
}
