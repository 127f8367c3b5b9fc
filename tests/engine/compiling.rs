//! Compiling: in this process or another, within limits, and kept so that nobody else's code is taken for ours.

use std::{fs, os::unix::fs::PermissionsExt, path::Path, sync::Arc, time::Duration};

use probity::engine::{Apart, Compiler, Engine, LoadError, Options};
use probity_core::outcome::Outcome;

use super::{LIMITS, check, engine, guest, prepare};

/// An engine that has components compiled by the real program.
fn apart(seconds: u64, memory: u64) -> Arc<Engine> {
    let program = env!("CARGO_BIN_EXE_probity").into();
    let compiler = Compiler::Apart(Apart { program, time: Duration::from_secs(seconds), memory });
    Engine::new(Options { compiler, ..Options::default() }).unwrap()
}

#[tokio::test]
async fn another_process_makes_the_same_of_it() {
    let engine = apart(60, 1 << 30);
    let attempt = check(&engine, guest::saying("from afar"), LIMITS, &[]).await;
    assert_eq!(&**attempt.outcome.message(), "from afar");
    let Err(error) = prepare(&engine, guest::fixture("loops-at-start")).await else { panic!("it loops at its start") };
    assert!(matches!(error, LoadError::Fails(_)), "{error}");
}

#[tokio::test]
async fn what_takes_too_long_or_too_much_is_given_up_and_says_which_limit_it_was() {
    let bomb = guest::large(400_000);
    let Err(error) = prepare(&apart(1, 8 << 30), bomb.clone()).await else { panic!("compiled in a second") };
    assert_eq!(
        error.to_string(),
        "compiling this component takes more than 1 s of a processor's time; if it is to be trusted, raise \
         `limits.compile_time`"
    );
    let Err(error) = prepare(&apart(60, 64 << 20), bomb).await else { panic!("compiled within 64 MiB") };
    assert_eq!(
        error.to_string(),
        "compiling this component takes more than 67108864 bytes of memory; if it is to be trusted, raise \
         `limits.compile_memory`"
    );
}

#[tokio::test]
async fn a_compiler_that_is_not_there_is_named() {
    let compiler =
        Compiler::Apart(Apart { program: "/no/such/program".into(), time: Duration::from_secs(1), memory: 1 });
    let engine = Engine::new(Options { compiler, ..Options::default() }).unwrap();
    let Err(error) = prepare(&engine, guest::saying("never")).await else { panic!("compiled by nobody") };
    assert!(error.to_string().contains("/no/such/program can't be started: No such file"), "{error}");
}

/// The files of a folder of compiled code, each kind once.
fn kept(cache: &Path) -> Vec<std::path::PathBuf> {
    let mut files: Vec<_> = fs::read_dir(cache).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

fn of_kind(cache: &Path, kind: &str) -> std::path::PathBuf {
    kept(cache).into_iter().find(|file| file.extension().is_some_and(|extension| extension == kind)).unwrap()
}

#[tokio::test]
async fn compiled_code_is_kept_and_a_damaged_copy_is_not_used() {
    let folder = tempfile::tempdir().unwrap();
    let cache = folder.path().join("compiled");
    let bytes = guest::saying("kept");
    prepare(&engine(Some(&cache)), bytes.clone()).await.unwrap();
    let kept = kept(&cache);
    assert_eq!(kept.len(), 3, "the code, its seal and the key: {kept:?}");
    let before: Vec<_> = kept.iter().map(|file| fs::metadata(file).unwrap().modified().unwrap()).collect();

    prepare(&engine(Some(&cache)), bytes.clone()).await.unwrap();
    let after: Vec<_> = kept.iter().map(|file| fs::metadata(file).unwrap().modified().unwrap()).collect();
    assert_eq!(before, after, "nothing was compiled anew");

    let code = &of_kind(&cache, "cwasm");
    let mut damaged = fs::read(code).unwrap();
    let middle = damaged.len() / 2;
    damaged[middle] ^= 1;
    fs::write(code, &damaged).unwrap();
    let attempt = check(&engine(Some(&cache)), bytes, LIMITS, &[]).await;
    assert!(matches!(attempt.outcome, Outcome::Verdict(_)));
    assert_ne!(fs::read(code).unwrap(), damaged, "it was compiled anew");
}

#[tokio::test]
async fn a_folder_that_others_can_write_is_not_used() {
    let folder = tempfile::tempdir().unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o777)).unwrap();
    prepare(&engine(Some(folder.path())), guest::saying("not kept")).await.unwrap();
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[tokio::test]
async fn code_that_another_wrote_is_not_used_whatever_it_is() {
    let folders = [(); 2].map(|()| tempfile::tempdir().unwrap());
    let [ours, theirs] = folders.each_ref().map(|folder| folder.path().join("compiled"));
    let bytes = guest::saying("ours");
    for cache in [&ours, &theirs] {
        prepare(&engine(Some(cache)), bytes.clone()).await.unwrap();
    }
    let (code, seal) = (of_kind(&ours, "cwasm"), of_kind(&ours, "mac"));
    let made = fs::read(&seal).unwrap();
    // All of it is right, but for the key that it was sealed with.
    fs::copy(of_kind(&theirs, "cwasm"), &code).unwrap();
    fs::copy(of_kind(&theirs, "mac"), &seal).unwrap();
    assert_ne!(fs::read(&seal).unwrap(), made);
    prepare(&engine(Some(&ours)), bytes.clone()).await.unwrap();
    assert_eq!(fs::read(&seal).unwrap(), made, "it was compiled and sealed anew");

    // Nor is that of another component in its place.
    let other = guest::saying("another");
    prepare(&engine(Some(&ours)), other.clone()).await.unwrap();
    let named = |bytes: &[u8], kind: &str| {
        let digest = probity::engine::digest(bytes);
        kept(&ours).into_iter().find(|file| {
            let name = file.file_name().unwrap().to_str().unwrap();
            name.starts_with(&digest) && name.ends_with(kind)
        })
    };
    for kind in ["cwasm", "mac"] {
        fs::copy(named(&other, kind).unwrap(), named(&bytes, kind).unwrap()).unwrap();
    }
    let attempt = check(&engine(Some(&ours)), bytes, LIMITS, &[]).await;
    assert_eq!(&**attempt.outcome.message(), "ours");
}

#[tokio::test]
async fn a_key_that_others_can_read_is_no_key() {
    let folder = tempfile::tempdir().unwrap();
    let cache = folder.path().join("compiled");
    prepare(&engine(Some(&cache)), guest::saying("one")).await.unwrap();
    assert_eq!(fs::metadata(cache.join("key")).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(fs::metadata(&cache).unwrap().permissions().mode() & 0o777, 0o700);
    fs::set_permissions(cache.join("key"), fs::Permissions::from_mode(0o644)).unwrap();
    let before = kept(&cache);
    let attempt = check(&engine(Some(&cache)), guest::saying("two"), LIMITS, &[]).await;
    assert!(matches!(attempt.outcome, Outcome::Verdict(_)), "it runs all the same");
    assert_eq!(kept(&cache), before, "nothing is kept under it");
}
