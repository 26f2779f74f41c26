//! TLS: whom the hub believes to be the cloud, and by which time it checks certificates.
//!
//! Owns the roots (those of the system, and a file of the operator's own) and the time: never before this program was
//! built nor before the latest trusted time of any earlier run, so that a clock without a battery locks nobody out.

use crate::clock::Clock;
use rustls::client::ClientConfig;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::time_provider::TimeProvider;
use rustls::{RootCertStore, pki_types::pem};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use thiserror::Error;

/// TLS cannot be prepared. Show it; there is no way to the cloud before it is put right.
#[derive(Debug, Error)]
pub enum TlsError {
    /// The operator's certificates cannot be read.
    #[error("the certificates in {path} cannot be read")]
    CaFile {
        /// The file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: pem::Error,
    },
    /// A certificate of that file is none.
    #[error("{path} holds something that is no certificate authority")]
    Certificate {
        /// The file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: rustls::Error,
    },
    /// Nobody is to be believed.
    #[error("the system trusts no certificate authority; install ca-certificates, or name a ca_file")]
    NoRoots,
    /// The library refuses its own settings.
    #[error("no version of TLS can be used")]
    Settings(#[source] rustls::Error),
}

/// The time for certificates.
#[derive(Debug)]
struct CertificateTime(Clock);

impl TimeProvider for CertificateTime {
    fn current_time(&self) -> Option<UnixTime> {
        let ms = self.0.certificate_time().0.max(0) as u64;
        Some(UnixTime::since_unix_epoch(Duration::from_millis(ms)))
    }
}

/// Nobody, for a connection that needs no TLS.
pub(super) fn no_roots() -> RootCertStore {
    RootCertStore::empty()
}

/// The system's authorities and those of the operator's file.
pub(crate) fn roots(ca_file: Option<&Path>) -> Result<RootCertStore, TlsError> {
    let mut roots = RootCertStore::empty();
    let system = rustls_native_certs::load_native_certs();
    for fault in &system.errors {
        tracing::warn!(%fault, "some of the system's certificate authorities cannot be read");
    }
    // A single odd certificate of the system is no reason to believe none of the others.
    roots.add_parsable_certificates(system.certs);
    if let Some(path) = ca_file {
        let unreadable = |source| TlsError::CaFile { path: path.to_owned(), source };
        for certificate in CertificateDer::pem_file_iter(path).map_err(unreadable)? {
            let certificate = certificate.map_err(unreadable)?;
            roots
                .add(certificate)
                .map_err(|source| TlsError::Certificate { path: path.to_owned(), source })?;
        }
    }
    if roots.is_empty() { Err(TlsError::NoRoots) } else { Ok(roots) }
}

/// The settings of a client that believes these.
pub(super) fn settings(roots: RootCertStore, clock: Clock) -> Result<ClientConfig, TlsError> {
    let provider = Arc::new(ring::default_provider());
    let settings = ClientConfig::builder_with_details(provider, Arc::new(CertificateTime(clock)))
        .with_safe_default_protocol_versions()
        .map_err(TlsError::Settings)?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(settings)
}

#[cfg(test)]
mod tests {
    use super::*;
    use frostguard_shared::time::WallMs;

    #[test]
    fn certificates_are_checked_by_a_time_that_is_never_before_the_saved_mark() {
        // A mark far beyond what any clock of this machine says, as on a board that woke up in 1970.
        let mark = WallMs(4_000_000_000_000);
        let time = CertificateTime(Clock::new(mark, false)).current_time().unwrap();
        assert_eq!(time.as_secs(), 4_000_000_000);
    }

    #[test]
    fn a_file_that_holds_no_certificate_is_refused_by_name() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ca.pem");
        assert!(matches!(roots(Some(&path)), Err(TlsError::CaFile { .. })));
        std::fs::write(&path, "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n").unwrap();
        assert!(matches!(roots(Some(&path)), Err(TlsError::Certificate { .. })));
    }
}
