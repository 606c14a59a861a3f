//! Vectorscan through `dlopen` of the distribution's library: no build depends on it, and where
//! it is missing its rows are left out with a note.
//!
//! The only unsafe code of the benches. The functions are those of `hs/hs_runtime.h` and
//! `hs/hs_compile.h` (Hyperscan 5, of which Vectorscan is a fork with the same interface).

use std::ffi::{CString, c_char, c_int, c_uint, c_ulonglong, c_void};
use std::ptr;

const MODE_BLOCK: c_uint = 1;
const FLAG_CASELESS: c_uint = 1;
/// Report where a match begins.
const FLAG_SOM_LEFTMOST: c_uint = 256;

type OnMatch = unsafe extern "C" fn(c_uint, c_ulonglong, c_ulonglong, c_uint, *mut c_void) -> c_int;
type CompileMulti = unsafe extern "C" fn(
    *const *const c_char,
    *const c_uint,
    *const c_uint,
    c_uint,
    c_uint,
    *const c_void,
    *mut *mut c_void,
    *mut *mut c_void,
) -> c_int;
type AllocScratch = unsafe extern "C" fn(*const c_void, *mut *mut c_void) -> c_int;
type Scan = unsafe extern "C" fn(
    *const c_void,
    *const c_char,
    c_uint,
    c_uint,
    *mut c_void,
    OnMatch,
    *mut c_void,
) -> c_int;
type Free = unsafe extern "C" fn(*mut c_void) -> c_int;

/// The library's functions. It stays loaded to the end of the process.
#[derive(Clone, Copy)]
pub struct Library {
    compile_multi: CompileMulti,
    alloc_scratch: AllocScratch,
    scan: Scan,
    free_scratch: Free,
    free_database: Free,
}

/// A compiled set of patterns with its scratch.
pub struct Database {
    library: Library,
    database: *mut c_void,
    scratch: *mut c_void,
}

/// A match: first byte (0 if it was not asked for) and one past the last byte.
pub type Found = (usize, usize);

impl Library {
    /// The library, if this machine has it.
    pub fn load() -> Option<Self> {
        // SAFETY: the name is a C string; what the library does when it is loaded is the
        // distribution's.
        let handle = unsafe { libc::dlopen(c"libhs.so.5".as_ptr(), libc::RTLD_NOW) };
        if handle.is_null() {
            return None;
        }
        let symbol = |name: &str| -> Option<*mut c_void> {
            let name = CString::new(name).ok()?;
            // SAFETY: the handle is open and is never closed; the name is a C string.
            let address = unsafe { libc::dlsym(handle, name.as_ptr()) };
            (!address.is_null()).then_some(address)
        };
        // SAFETY: the symbols are functions of these types in every library with the soname
        // libhs.so.5, and a pointer to data is as wide as one to a function here.
        unsafe {
            Some(Self {
                compile_multi: std::mem::transmute::<*mut c_void, CompileMulti>(symbol(
                    "hs_compile_multi",
                )?),
                alloc_scratch: std::mem::transmute::<*mut c_void, AllocScratch>(symbol(
                    "hs_alloc_scratch",
                )?),
                scan: std::mem::transmute::<*mut c_void, Scan>(symbol("hs_scan")?),
                free_scratch: std::mem::transmute::<*mut c_void, Free>(symbol("hs_free_scratch")?),
                free_database: std::mem::transmute::<*mut c_void, Free>(symbol(
                    "hs_free_database",
                )?),
            })
        }
    }

    /// Compiles patterns; `spans` asks for the starts of matches. `None` if it refuses.
    pub fn compile(self, patterns: &[&str], spans: bool) -> Option<Database> {
        let count = c_uint::try_from(patterns.len()).ok()?;
        let mut flags = Vec::new();
        let mut texts = Vec::new();
        for pattern in patterns {
            let caseless = pattern.strip_prefix("(?i)");
            texts.push(CString::new(caseless.unwrap_or(pattern)).ok()?);
            let spans = if spans { FLAG_SOM_LEFTMOST } else { 0 };
            flags.push(spans | if caseless.is_some() { FLAG_CASELESS } else { 0 });
        }
        let texts: Vec<*const c_char> = texts.iter().map(|text| text.as_ptr()).collect();
        let ids: Vec<c_uint> = (0..count).collect();
        let (mut database, mut scratch) = (ptr::null_mut(), ptr::null_mut());
        let mut error = ptr::null_mut();
        // SAFETY: the three arrays have `count` elements, which live to the end of the call; the
        // platform may be null, and the results go to live variables.
        let compiled = unsafe {
            (self.compile_multi)(
                texts.as_ptr(),
                flags.as_ptr(),
                ids.as_ptr(),
                count,
                MODE_BLOCK,
                ptr::null(),
                &mut database,
                &mut error,
            )
        };
        if compiled != 0 {
            return None;
        }
        // SAFETY: the database was compiled just now; a null scratch asks for a new one.
        let allocated = unsafe { (self.alloc_scratch)(database, &mut scratch) };
        let database = Database {
            library: self,
            database,
            scratch,
        };
        (allocated == 0).then_some(database)
    }
}

impl Database {
    /// Appends all matches in the text.
    pub fn scan(&mut self, text: &[u8], out: &mut Vec<Found>) {
        let Ok(length) = c_uint::try_from(text.len()) else {
            return;
        };
        // SAFETY: database and scratch belong together and to this value, which is borrowed for
        // the call; the text has `length` bytes; `on_match` gets the vector that it expects.
        unsafe {
            (self.library.scan)(
                self.database,
                text.as_ptr().cast(),
                length,
                0,
                self.scratch,
                on_match,
                ptr::from_mut(out).cast(),
            );
        }
    }
}

/// Called by the library for each match, with the vector that was passed to the scan.
unsafe extern "C" fn on_match(
    _id: c_uint,
    from: c_ulonglong,
    to: c_ulonglong,
    _flags: c_uint,
    out: *mut c_void,
) -> c_int {
    // SAFETY: `Database::scan` passes a vector of this type that nobody else touches during the
    // scan.
    let out = unsafe { &mut *out.cast::<Vec<Found>>() };
    out.push((from as usize, to as usize));
    0
}

impl Drop for Database {
    fn drop(&mut self) {
        // SAFETY: both were allocated by the library, belong to this value and are freed once.
        unsafe {
            (self.library.free_scratch)(self.scratch);
            (self.library.free_database)(self.database);
        }
    }
}
