//! Whose certificates are trusted: the system's authorities and those of `keys.ca_file`; and what a
//! failed handshake means.

use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{AlertDescription, CertificateError, Error, RootCertStore};
use rustls_native_certs::load_certs_from_paths;
use ureq::tls::Certificate;

use crate::verdict;

const CA_FILE_MAX_BYTES: u64 = 1024 * 1024;

/// Where the system keeps its authorities: the first that is there.
const SYSTEM_FILES: [&str; 6] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
    "/etc/pki/tls/cert.pem",
];
const SYSTEM_FOLDER: &str = "/etc/ssl/certs";

/// Made at the freeze; the system's are read at each flight, so that new ones are seen.
#[derive(Clone, Default)]
pub struct Trust {
    /// SSL_CERT_FILE and SSL_CERT_DIR, where they are set, stand in place of the system's.
    file: Option<PathBuf>,
    folders: Vec<PathBuf>,
    /// Of `keys.ca_file`.
    own: Arc<Vec<Certificate<'static>>>,
}

impl Trust {
    /// `variable` gives the text of a variable that is set.
    pub fn new(own: Vec<Certificate<'static>>, variable: impl Fn(&str) -> Option<String>) -> Trust {
        let folders = variable("SSL_CERT_DIR").unwrap_or_default();
        let folders = folders.split(':').filter(|folder| !folder.is_empty()).map(PathBuf::from);
        Trust {
            file: variable("SSL_CERT_FILE").map(PathBuf::from),
            folders: folders.collect(),
            own: Arc::new(own),
        }
    }

    /// None: there is nobody to trust.
    pub fn roots(&self) -> Option<Arc<Vec<Certificate<'static>>>> {
        let set = self.file.is_some() || !self.folders.is_empty();
        let system = SYSTEM_FILES.iter().map(Path::new).find(|file| file.exists());
        let mut found = match (set, system) {
            (false, Some(file)) => load_certs_from_paths(Some(file), None).certs,
            (false, None) => load_certs_from_paths(None, Some(Path::new(SYSTEM_FOLDER))).certs,
            (true, _) => load_certs_from_paths(self.file.as_deref(), None).certs,
        };
        for folder in &self.folders {
            found.extend(load_certs_from_paths(None, Some(folder)).certs);
        }
        let mut roots = self.own.to_vec();
        roots.extend(found.iter().map(|der| Certificate::from_der(der).to_owned()));
        (!roots.is_empty()).then(|| Arc::new(roots))
    }
}

pub const NO_ROOTS: &str = "was not asked: this machine has no certificates of authorities \
                            (install ca-certificates, or set `keys.ca_file`)";

/// The certificates of `keys.ca_file`. An error is the end of a sentence that begins with the name
/// of the file.
pub fn read_ca_file(path: &Path) -> Result<Vec<Certificate<'static>>, String> {
    let unreadable = |error: std::io::Error| format!("cannot be read: {error}");
    // A named pipe would wait for ever.
    if !fs::metadata(path).map_err(unreadable)?.is_file() {
        return Err("is not a file".into());
    }
    let mut text = Vec::new();
    let file = File::open(path).map_err(unreadable)?;
    let limit = CA_FILE_MAX_BYTES.saturating_add(1);
    let read = file.take(limit).read_to_end(&mut text).map_err(unreadable)?;
    if u64::try_from(read).is_ok_and(|read| read > CA_FILE_MAX_BYTES) {
        return Err("is larger than 1 MiB".into());
    }
    if memchr::memmem::find(&text, b"PRIVATE KEY-----").is_some() {
        return Err("has a private key in it: it is for certificates of authorities alone".into());
    }
    let mut own = Vec::new();
    for der in CertificateDer::pem_slice_iter(&text) {
        let usable = der.ok().filter(|der| RootCertStore::empty().add(der.clone()).is_ok());
        let Some(der) = usable else {
            let place = own.len().saturating_add(1);
            return Err(format!("has a certificate that cannot be read, number {place}"));
        };
        own.push(Certificate::from_der(&der).to_owned());
    }
    match own.is_empty() {
        true => Err("has no certificate (PEM, -----BEGIN CERTIFICATE-----)".into()),
        false => Ok(own),
    }
}

/// What went wrong in a handshake, as the end of a sentence that begins with the name of the URL,
/// and the option that helps.
pub fn sentence(error: &Error) -> String {
    match error {
        Error::InvalidCertificate(error) => certificate_sentence(error),
        Error::InvalidMessage(_) => {
            "does not speak TLS on this port (plain http is asked where its URL says http and \
             `keys.http` allows it)"
                .into()
        }
        Error::PeerIncompatible(_) | Error::AlertReceived(AlertDescription::ProtocolVersion) => {
            "speaks neither TLS 1.2 nor TLS 1.3 as it has to".into()
        }
        other => format!("failed in TLS: {}", verdict::printable(&other.to_string(), 160)),
    }
}

fn certificate_sentence(error: &CertificateError) -> String {
    match error {
        CertificateError::UnknownIssuer => {
            "has a certificate of an authority that is not trusted here (`keys.ca_file` adds one)"
                .into()
        }
        CertificateError::NotValidForNameContext { presented, .. } => {
            // As `DnsName("id.example")` and `IpAddress(10.1.2.3)`.
            let bare = |name: &'_ String| {
                let inside = name.split_once('(').map_or(name.as_str(), |(_, inside)| inside);
                inside.trim_matches([')', '"']).to_owned()
            };
            let names: Vec<String> = presented.iter().map(bare).collect();
            let names = match names.is_empty() {
                true => "no name".to_owned(),
                false => verdict::list(names.iter().map(String::as_str)),
            };
            format!("{WRONG_NAME}, but for {names} ({HELP_NAME})")
        }
        CertificateError::NotValidForName => format!("{WRONG_NAME} ({HELP_NAME})"),
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            "has a certificate that has expired, or this machine's clock is wrong".into()
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "has a certificate that is not valid yet, or this machine's clock is wrong".into()
        }
        other => {
            format!(
                "has a certificate that is no use: {}",
                verdict::printable(&other.to_string(), 160)
            )
        }
    }
}

const WRONG_NAME: &str = "has a certificate that is not for the name in its URL";
const HELP_NAME: &str = "`keys.backchannel` reaches a provider under another name";
