//! The program itself, with folders of its own.

use std::path::Path;
use std::process::{Command, Output};

/// What a test calls; its folders are gone when it is dropped.
pub struct Program {
    pub folder: tempfile::TempDir,
}

impl Program {
    pub fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    pub fn put(&self, file: &str, content: &str) {
        let path = self.folder.path().join("landing").join(file);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }

    pub fn config(&self, text: &str) {
        std::fs::create_dir_all(self.folder.path().join("feederscope")).unwrap();
        std::fs::write(self.folder.path().join("feederscope/config.toml"), text).unwrap();
    }

    pub fn call(&self, arguments: &[&str]) -> Output {
        self.call_with(&self.folder.path().join("landing"), arguments)
    }

    pub fn call_with(&self, landing: &Path, arguments: &[&str]) -> Output {
        self.command_with(landing, arguments).output().unwrap()
    }

    pub fn command(&self, arguments: &[&str]) -> Command {
        self.command_with(&self.folder.path().join("landing"), arguments)
    }

    pub fn command_with(&self, landing: &Path, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_feederscope"));
        command
            .env_clear()
            .env("XDG_CONFIG_HOME", self.folder.path())
            .env("XDG_DATA_HOME", self.folder.path())
            .env("HOME", self.folder.path())
            .arg("--lake")
            .arg(self.folder.path().join("lake"))
            .arg("--landing")
            .arg(landing)
            .args(arguments);
        command
    }
}

/// The exit code.
pub fn code(output: &Output) -> i32 {
    output.status.code().unwrap_or_else(|| panic!("{output:?}"))
}
