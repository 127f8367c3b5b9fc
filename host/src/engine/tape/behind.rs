//! What stands behind a run that is recorded: the functions that all other runs use, in a store of their own.
//!
//! It is a store of its own so that the guest's fuel, memory and handles are what they are without a recording.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use serde_json::Value;
use wasmtime::{
    Result, Store,
    component::{Func, InstancePre, ResourceAny, ResourceTableError, Type, Val},
    format_err,
};

use super::{doors::DROP, values};
use crate::engine::{ctx::Ctx, exceeded::Exceeded, exit::Exit};

/// Ticks of the epoch after which nothing of ours is interrupted: for ever. The guest's own deadline holds for all of its calls.
const FOR_EVER: u64 = 1 << 40;

/// What each of these stores is made of: the mirror, and the names that its exports have by what they hand on.
#[derive(Clone)]
pub(super) struct Pattern {
    mirror: InstancePre<Ctx>,
    exports: Arc<BTreeMap<String, String>>,
}

/// One run's.
pub(super) struct Behind {
    store: Store<Ctx>,
    pattern: Pattern,
    /// Once the first call was made.
    functions: Option<HashMap<String, Func>>,
    /// The resources that the guest has, by the numbers that it knows them by.
    resources: HashMap<u32, ResourceAny>,
    /// How many it was given so far.
    given: u32,
}

impl Pattern {
    pub(super) fn new(mirror: InstancePre<Ctx>, exports: BTreeMap<String, String>) -> Pattern {
        Pattern { mirror, exports: Arc::new(exports) }
    }

    /// A store with this in it.
    pub(super) fn with(&self, ctx: Ctx) -> Behind {
        let mut store = Store::new(self.mirror.engine(), ctx);
        // The mirror is ours, and does only what it is called for.
        let _ = store.set_fuel(u64::MAX);
        store.set_epoch_deadline(FOR_EVER);
        store.set_hostcall_fuel(usize::MAX);
        Behind { store, pattern: self.clone(), functions: None, resources: HashMap::new(), given: 0 }
    }
}

impl Behind {
    pub(super) fn ctx(&mut self) -> &mut Ctx {
        self.store.data_mut()
    }

    /// Makes a call. What ends the run is an error.
    pub(super) async fn call(&mut self, called: &str, arguments: Vec<Value>) -> Result<Value> {
        let answered = self.answer(called, arguments).await;
        answered.map_err(plain)
    }

    async fn answer(&mut self, called: &str, arguments: Vec<Value>) -> Result<Value> {
        let Behind { store, resources, given, .. } = self;
        if called.split_once('#').is_some_and(|(_, name)| name.starts_with(DROP)) {
            let resource = arguments.first().and_then(Value::as_u64).and_then(|number| u32::try_from(number).ok());
            let resource = resource.and_then(|number| resources.remove(&number));
            resource.ok_or_else(|| unknown(called))?.resource_drop_async(store).await?;
            return Ok(Value::Null);
        }
        let functions = match &mut self.functions {
            Some(functions) => functions,
            functions => functions.insert(self.pattern.start(store).await?),
        };
        let function = *functions.get(called).ok_or_else(|| unknown(called))?;
        let ty = function.ty(&*store);
        let mut find = |number, is_given| {
            let found = if is_given { resources.remove(&number) } else { resources.get(&number).copied() };
            found.ok_or_else(|| format_err!("there is no resource {number}"))
        };
        let types: Vec<Type> = ty.params().map(|(_, ty)| ty).collect();
        let arguments = arguments.iter().zip(&types).map(|(argument, ty)| values::read(argument, ty, &mut find));
        let arguments = arguments.collect::<Result<Vec<_>>>()?;
        let mut results = vec![Val::Bool(false); ty.results().len()];
        function.call_async(&mut *store, &arguments, &mut results).await?;
        let mut number = |resource| {
            *given += 1;
            resources.insert(*given, resource);
            Ok(*given)
        };
        results.first().map_or(Ok(Value::Null), |result| values::write(result, &mut number))
    }
}

impl Pattern {
    async fn start(&self, store: &mut Store<Ctx>) -> Result<HashMap<String, Func>> {
        let instance = self.mirror.instantiate_async(&mut *store).await?;
        let functions = self
            .exports
            .iter()
            .filter_map(|(called, export)| Some((called.clone(), instance.get_func(&mut *store, export)?)));
        Ok(functions.collect())
    }
}

fn unknown(called: &str) -> wasmtime::Error {
    format_err!("nobody is there to answer `{called}`")
}

/// The error without the frames of the mirror, which are not the guest's.
fn plain(error: wasmtime::Error) -> wasmtime::Error {
    if let Some(exceeded) = error.downcast_ref::<Exceeded>() {
        return (*exceeded).into();
    }
    if let Some(exit) = error.downcast_ref::<Exit>() {
        return (*exit).into();
    }
    if let Some(ResourceTableError::Full) = error.downcast_ref() {
        return ResourceTableError::Full.into();
    }
    format_err!("{}", error.root_cause())
}
