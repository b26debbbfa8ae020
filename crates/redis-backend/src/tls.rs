//! TLS, by rustls.

use std::io;
use std::path::Path;
use std::sync::Arc;

use larder_cache_core::{Error, ErrorKind, Result};
use redis::{ClientTlsConfig, TlsCertificates};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::client::WantsClientCert;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::{self, PemObject};
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio_rustls::rustls::{self, ClientConfig, ConfigBuilder, RootCertStore};

use crate::config::ClientCertificate;

/// Makes TLS streams to servers whose certificate somebody trusted has signed.
#[derive(Clone)]
pub(crate) struct Tls {
    connector: TlsConnector,
    certificates: TlsCertificates,
}

impl Tls {
    /// Trusts the certificates in a file, or those that the system trusts; shows a
    /// certificate of its own where there is one.
    pub(crate) fn new(
        ca_file: Option<&Path>,
        certificate: Option<&ClientCertificate>,
    ) -> Result<Self> {
        let mut trusted = RootCertStore::empty();
        let (usable, _) = trusted.add_parsable_certificates(match ca_file {
            Some(path) => read(path).map_err(|reason| {
                broken("the file of trusted certificates can't be read: it must be PEM")
                    .with("ca_file", path.display())
                    .with("reason", reason)
            })?,
            None => rustls_native_certs::load_native_certs().certs,
        });
        if usable == 0 {
            return Err(no_certificates(ca_file));
        }
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|reason| broken("TLS can't be used here").with("reason", reason))?
            .with_root_certificates(trusted);
        let config = match certificate {
            Some(own) => with_certificate(config, own)?,
            None => config.with_no_client_auth(),
        };
        Ok(Self {
            connector: TlsConnector::from(Arc::new(config)),
            certificates: TlsCertificates {
                client_tls: certificate.map(for_client_library).transpose()?,
                root_cert: ca_file.map(contents).transpose()?,
            },
        })
    }

    /// The same certificates for the client library, where it makes the connections.
    pub(crate) fn certificates(&self) -> TlsCertificates {
        // The library asks the process for its cryptography, and ends it where it can't tell.
        if rustls::crypto::CryptoProvider::get_default().is_none() {
            // Another thread was faster: as good.
            let _installed = ring::default_provider().install_default();
        }
        self.certificates.clone()
    }

    /// Encrypts a stream to a host of this name.
    pub(crate) async fn encrypt(
        &self,
        host: &str,
        stream: TcpStream,
    ) -> io::Result<TlsStream<TcpStream>> {
        let name = ServerName::try_from(host.to_owned()).map_err(io::Error::other)?;
        self.connector.connect(name, stream).await
    }
}

/// What TLS has against a server, if that is why the stream failed.
pub(crate) fn objection(failed: &io::Error) -> Option<Error> {
    let objection = failed.get_ref()?.downcast_ref::<rustls::Error>()?;
    let message = "no TLS with this server: check that the port speaks TLS, that the host is the \
                   one in the server's certificate, and that who signed it is trusted";
    Some(Error::new(ErrorKind::Config, message).with("reason", objection))
}

impl std::fmt::Debug for Tls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Tls")
    }
}

fn for_client_library(own: &ClientCertificate) -> Result<ClientTlsConfig> {
    Ok(ClientTlsConfig {
        client_cert: contents(&own.certificate)?,
        client_key: contents(&own.key)?,
    })
}

fn contents(path: &Path) -> Result<Vec<u8>> {
    std::fs::read(path).map_err(|reason| {
        broken("a file of certificates can't be read")
            .with("file", path.display())
            .with("reason", reason)
    })
}

fn read(path: &Path) -> Result<Vec<CertificateDer<'static>>, pem::Error> {
    CertificateDer::pem_file_iter(path).and_then(Iterator::collect)
}

fn with_certificate(
    config: ConfigBuilder<ClientConfig, WantsClientCert>,
    own: &ClientCertificate,
) -> Result<ClientConfig> {
    let (shown, kept) = (&own.certificate, &own.key);
    let chain = read(shown).map_err(|reason| {
        broken("the client certificate can't be read: it must be PEM")
            .with("certificate", shown.display())
            .with("reason", reason)
    })?;
    if chain.is_empty() {
        let message = "there is no certificate in the file of the client certificate";
        return Err(broken(message).with("certificate", shown.display()));
    }
    // The reason may not be told: it could quote the key.
    let key = PrivateKeyDer::from_pem_file(kept).map_err(|_| {
        broken("the key of the client certificate can't be read: it must be an unencrypted PEM")
            .with("key", kept.display())
    })?;
    config.with_client_auth_cert(chain, key).map_err(|reason| {
        broken("the client certificate and its key can't be used: do they belong together?")
            .with("certificate", shown.display())
            .with("key", kept.display())
            .with("reason", reason)
    })
}

fn no_certificates(ca_file: Option<&Path>) -> Error {
    match ca_file {
        Some(path) => broken("there is no usable certificate in the file of trusted ones")
            .with("ca_file", path.display()),
        None => broken(
            "the system has no trusted certificates: install them (ca-certificates), or set \
             ca_file",
        ),
    }
}

fn broken(message: &'static str) -> Error {
    Error::new(ErrorKind::Config, message)
}
