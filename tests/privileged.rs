//! A set-user-id program has its environment from a stranger: nothing of it may be read.

use std::os::unix::fs::{PermissionsExt, chown};
use std::process::{Command, ExitStatus};
use std::{env, fs, ptr};

use auth::config::Config;
use auth::ffi::{auth_config_check, auth_config_free, auth_config_load_env, auth_config_new};
use auth::status::Status;

/// What the copy tells by its exit code; the test harness has 0 and 101.
const READ: i32 = 40;
const NOT_READ: i32 = 41;

/// Its own process: `status` is that of a handle whose options are those of the environment.
#[test]
#[ignore = "run by the others"]
fn tells_what_it_reads() {
    let (none, config): (_, *mut Config) = (ptr::null_mut(), auth_config_new());
    let (loaded, checked) = unsafe {
        let answers = (auth_config_load_env(config, none, 0), auth_config_check(config, none, 0));
        auth_config_free(config);
        answers
    };
    assert_eq!(loaded, Status::OK);
    let privileged = unsafe { libc::getauxval(libc::AT_SECURE) } != 0;
    println!("privileged: {privileged}");
    std::process::exit(if checked == Status::OK { READ } else { NOT_READ });
}

fn told(program: &std::path::Path) -> (ExitStatus, String) {
    let output = Command::new(program)
        .args(["--exact", "tells_what_it_reads", "--ignored", "--nocapture"])
        .envs([("LIBAUTH_ISSUER", "https://id.example"), ("LIBAUTH_AUDIENCE", "api")])
        .output()
        .unwrap();
    (output.status, String::from_utf8_lossy(&output.stdout).into_owned())
}

/// The copy belongs to another user and is set-user-id. That takes root: another user cannot make
/// such a file, and is told so.
#[test]
fn the_environment_of_a_privileged_program_is_not_read() {
    const NOBODY: u32 = 65_534;
    let own = env::current_exe().unwrap();
    let (status, text) = told(&own);
    assert_eq!(status.code(), Some(READ), "as an ordinary program: {text}");

    let folder = env::temp_dir().join(format!("libauth-privileged-{}", std::process::id()));
    let copy = folder.join("copy");
    fs::create_dir(&folder).unwrap();
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o755)).unwrap();
    fs::copy(&own, &copy).unwrap();
    let made = chown(&copy, Some(NOBODY), None)
        .and_then(|()| fs::set_permissions(&copy, fs::Permissions::from_mode(0o4755)));
    let answer = made.map(|()| told(&copy));
    fs::remove_dir_all(&folder).unwrap();
    match answer {
        Ok((status, text)) if text.contains("privileged: true") => {
            assert_eq!(status.code(), Some(NOT_READ), "{text}");
        }
        Ok((_, text)) => println!("set-user-id means nothing here: {text}"),
        Err(why) => println!("only root can make a set-user-id program of another user: {why}"),
    }
}
