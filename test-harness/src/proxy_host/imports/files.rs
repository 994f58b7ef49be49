//! The rest of WASI preview 1 that Envoy defines: files and sockets that are not there. Modules in Go
//! and C++ import them without calling them.

use crate::proxy_host::memory::{Access, write};
use crate::proxy_host::state::HostState;
use wasmtime::{FuncType, Linker, Val, ValType};

const BADF: i32 = 8;
const FAULT: i32 = 21;
const NOENT: i32 = 44;
const NOSYS: i32 = 52;
const NOTDIR: i32 = 20;
const NOTSUP: i32 = 58;

/// What a function answers.
#[derive(Clone, Copy)]
enum Answers {
    Always(i32),
    /// Success on the standard output and error, else [`BADF`].
    OnOutputs,
    /// First a zero of so many bytes at the argument of that number.
    Zero(usize, usize, i32),
}
use Answers::{Always, OnOutputs, Zero};

/// Name, arguments (`i` 32 bits, `I` 64) and answer.
const FUNCTIONS: [(&str, &str, Answers); 35] = [
    ("fd_read", "iiii", Always(NOSYS)),
    ("fd_seek", "iIii", Always(0)),
    ("fd_close", "i", Always(0)),
    ("fd_fdstat_set_flags", "ii", Always(NOSYS)),
    ("fd_fdstat_set_rights", "iII", OnOutputs),
    ("fd_advise", "iIIi", Always(0)),
    ("fd_allocate", "iII", OnOutputs),
    ("fd_datasync", "i", OnOutputs),
    ("fd_filestat_get", "ii", Always(BADF)),
    ("fd_filestat_set_size", "iI", OnOutputs),
    ("fd_filestat_set_times", "iIIi", OnOutputs),
    ("fd_pread", "iiiIi", Always(NOSYS)),
    ("fd_readdir", "iiiIi", Zero(4, 4, NOTDIR)),
    ("fd_renumber", "ii", Always(NOTSUP)),
    ("fd_sync", "i", OnOutputs),
    ("fd_tell", "ii", Zero(1, 8, 0)),
    ("fd_prestat_get", "ii", Always(BADF)),
    ("fd_prestat_dir_name", "iii", Always(NOSYS)),
    ("path_open", "iiiiiIIii", Always(NOENT)),
    ("path_create_directory", "iii", Always(NOTSUP)),
    ("path_filestat_get", "iiiii", Always(NOTSUP)),
    ("path_filestat_set_times", "iiiiIIi", Always(NOTSUP)),
    ("path_link", "iiiiiii", Always(NOTSUP)),
    ("path_readlink", "iiiiii", Zero(5, 4, NOTSUP)),
    ("path_remove_directory", "iii", Always(NOTSUP)),
    ("path_rename", "iiiiii", Always(NOTSUP)),
    ("path_symlink", "iiiii", Always(NOTSUP)),
    ("path_unlink_file", "iii", Always(NOTSUP)),
    ("sock_accept", "iii", Always(NOTSUP)),
    ("sock_recv", "iiiiii", Always(NOTSUP)),
    ("sock_send", "iiiii", Always(NOTSUP)),
    ("sock_shutdown", "ii", Always(NOTSUP)),
    ("sched_yield", "", Always(0)),
    ("args_get", "ii", Always(0)),
    // Go's runtime goes on only when it hears success.
    ("poll_oneoff", "iiii", Zero(3, 4, 0)),
];

pub(super) fn define(linker: &mut Linker<HostState>, module: &str) -> wasmtime::Result<()> {
    for (name, arguments, answers) in FUNCTIONS {
        let kinds = arguments.chars().map(|kind| match kind {
            'I' => ValType::I64,
            _ => ValType::I32,
        });
        let kind = FuncType::new(linker.engine(), kinds, [ValType::I32]);
        linker.func_new(module, name, kind, move |mut caller, arguments, results| {
            let number = |at: usize| arguments.get(at).and_then(Val::i32).unwrap_or_default();
            let errno = match (caller.data_mut().enter(name), answers) {
                (Some(fault), _) => fault,
                (None, Always(errno)) => errno,
                (None, OnOutputs) => {
                    if matches!(number(0), 1 | 2) {
                        0
                    } else {
                        BADF
                    }
                }
                (None, Zero(at, size, errno)) => {
                    let zero: &[u8] = if size == 8 { &[0; 8] } else { &[0; 4] };
                    let written: Access<()> = write(&mut caller, number(at), zero);
                    if written.is_ok() { errno } else { FAULT }
                }
            };
            if let Some(result) = results.first_mut() {
                *result = Val::I32(errno);
            }
            Ok(())
        })?;
    }
    Ok(())
}
