//! The folder is judged before anything is read from it or written into it.

use std::fs::{self, File, Permissions};
use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::path::Path;

use auth::keys::snapshot::Snapshot;
use auth::os;

use crate::{Folder, ISSUER, NOW_S, URL, ec, kept, part, played, snapshot, stamp};

#[track_caller]
fn refused(folder: &Path, told: &str) {
    let why = Snapshot::in_folder(folder, ISSUER, URL).err().expect("must be refused");
    assert!(why.contains(told), "{why}");
}

#[test]
fn a_folder_that_others_could_write_to_is_refused() {
    let folder = Folder::new();
    for mode in [0o770, 0o720, 0o702, 0o777, 0o1777] {
        fs::set_permissions(&folder.0, Permissions::from_mode(mode)).unwrap();
        refused(&folder.0, "is writable by its group or by everybody (chmod go-w)");
    }
    for mode in [0o700, 0o755, 0o2755] {
        fs::set_permissions(&folder.0, Permissions::from_mode(mode)).unwrap();
        snapshot(&folder.0);
    }
}

#[test]
fn what_is_no_folder_is_refused() {
    let folder = Folder::new();
    refused(&folder.0.join("none"), "does not exist");
    refused(Path::new(""), "cannot be found");
    let file = folder.0.join("file");
    File::create(&file).unwrap();
    refused(&file, "is not a folder");
    refused(&file.join("below"), "cannot be looked at: not a directory (errno 20)");
    let real = folder.0.join("real");
    fs::create_dir(&real).unwrap();
    fs::set_permissions(&real, Permissions::from_mode(0o700)).unwrap();
    let link = folder.0.join("link");
    symlink(&real, &link).unwrap();
    for name in ["link", "link/", "link/.", "link//"] {
        refused(&folder.0.join(name), "is a symbolic link");
    }
    snapshot(&folder.0.join("real/"));
}

#[test]
fn the_folder_of_another_user_is_refused() {
    let folder = Folder::new();
    let own = os::effective_uid();
    let foreign = if own == 0 {
        chown(&folder.0, Some(4_242), None).unwrap();
        &folder.0
    } else {
        Path::new("/")
    };
    refused(foreign, &format!("and this process runs as user {own}"));
}

/// The working folder of a process is one for all its threads: a process of its own.
#[test]
fn a_relative_folder_stays_where_it_was() {
    if let Some((_, folder)) = part() {
        std::env::set_current_dir(&folder).unwrap();
        let snapshot = snapshot(Path::new("."));
        std::env::set_current_dir("/").unwrap();
        snapshot.write(&kept(&[ec("a")], NOW_S)).unwrap();
        return;
    }
    let folder = Folder::new();
    let mut child = played("folder::a_relative_folder_stays_where_it_was", "-", &folder, "");
    assert!(child.status().unwrap().success());
    assert_eq!(stamp(&folder.snapshot()), NOW_S);
}
