//! A component that exports every function which another one imports, and hands each call on to what it imports itself.
//!
//! The engine lets nobody but a guest call what a linker holds. So whoever wants to see all that a guest asks for, whatever it
//! is, needs a guest that asks for it on demand: this one. It is written anew for each component, from what that imports.

use std::{collections::BTreeMap, fmt::Write as _};

use anyhow::{Context, Result, bail};
use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::{
    Function, FunctionKind, Handle, LiftLowerAbi, ManglingAndAbi, Resolve, ResourceIntrinsic, SizeAlign, Type, TypeDef,
    TypeDefKind, TypeId, TypeOwner, WasmExport, WasmExportKind, WasmImport, WorldId, WorldItem, WorldKey,
    abi::{AbiVariant, FlatTypes, WasmType},
    decoding::{DecodedWasm, decode},
};

/// How its core module names things: as wit-component understands them, and with calls that return when they are done.
const NAMES: ManglingAndAbi = ManglingAndAbi::Legacy(LiftLowerAbi::Sync);
/// Where its memory begins to be used: nothing lies at 0, so that no pointer looks like none.
const BASE: u32 = 16;

/// The component, and the names that its exports have by what they hand on.
pub(super) struct Mirror {
    pub(super) component: Vec<u8>,
    /// By `INTERFACE#FUNCTION`.
    pub(super) exports: BTreeMap<String, String>,
}

/// Writes the mirror of a component.
///
/// # Errors
///
/// It imports what can't be handed on: functions of the world itself, or handles lent in an unusual place.
pub(super) fn write(component: &[u8]) -> Result<Mirror> {
    match decode(component)? {
        DecodedWasm::Component(resolve, world) => of_world(resolve, world),
        DecodedWasm::WitPackage(..) => bail!("this is no component, but the description of some"),
    }
}

/// The mirror of whatever imports what this world does.
fn of_world(mut resolve: Resolve, world: WorldId) -> Result<Mirror> {
    let imported = imported(&resolve, world)?;
    let mut exports = BTreeMap::new();
    resolve.worlds[world].exports.clear();
    let mut local = Local { world, aliases: BTreeMap::new() };
    for (index, (key, function)) in imported.iter().enumerate() {
        let name = format!("call{index}");
        exports.insert(format!("{}#{}", resolve.name_world_key(key), function.name), name.clone());
        let mut exported = Function { name: name.clone(), kind: FunctionKind::Freestanding, ..function.clone() };
        for ty in exported.params.iter_mut().map(|param| &mut param.ty).chain(&mut exported.result) {
            *ty = local.ty(&mut resolve, *ty);
        }
        resolve.worlds[world].exports.insert(WorldKey::Name(name), WorldItem::Function(exported));
    }
    let mut module = wat::parse_str(core_module(&resolve, world, &imported)?)?;
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8)?;
    let component = ComponentEncoder::default().module(&module)?.encode()?;
    Ok(Mirror { component, exports })
}

/// The names that types of interfaces go by in the world itself, whose functions can't speak of them otherwise.
struct Local {
    world: WorldId,
    aliases: BTreeMap<TypeId, TypeId>,
}

impl Local {
    /// A type, by the names of the world.
    fn ty(&mut self, resolve: &mut Resolve, ty: Type) -> Type {
        let Type::Id(id) = ty else { return ty };
        if resolve.types[id].name.is_some() {
            return Type::Id(self.alias(resolve, id));
        }
        let mut written = resolve.types[id].clone();
        match &mut written.kind {
            TypeDefKind::Handle(Handle::Own(resource) | Handle::Borrow(resource)) => {
                *resource = self.alias(resolve, *resource);
            }
            TypeDefKind::Tuple(tuple) => tuple.types.iter_mut().for_each(|ty| *ty = self.ty(resolve, *ty)),
            TypeDefKind::Option(inner) | TypeDefKind::List(inner) => *inner = self.ty(resolve, *inner),
            TypeDefKind::Result(result) => {
                result.ok.iter_mut().chain(&mut result.err).for_each(|ty| *ty = self.ty(resolve, *ty));
            }
            _ => {}
        }
        Type::Id(resolve.types.alloc(written))
    }

    fn alias(&mut self, resolve: &mut Resolve, id: TypeId) -> TypeId {
        if let Some(alias) = self.aliases.get(&id) {
            return *alias;
        }
        let name = format!("type{}", self.aliases.len());
        let (kind, owner) = (TypeDefKind::Type(Type::Id(id)), TypeOwner::World(self.world));
        let written = TypeDef { name: Some(name.clone()), kind, owner, ..resolve.types[id].clone() };
        let span = written.span;
        let alias = resolve.types.alloc(written);
        let item = WorldItem::Type { id: alias, span };
        resolve.worlds[self.world].imports.insert(WorldKey::Name(name), item);
        self.aliases.insert(id, alias);
        alias
    }
}

/// Every function that the world imports, with its interface.
fn imported(resolve: &Resolve, world: WorldId) -> Result<Vec<(WorldKey, Function)>> {
    let mut imported = Vec::new();
    for (key, item) in &resolve.worlds[world].imports {
        match item {
            WorldItem::Interface { id, .. } => {
                let functions = resolve.interfaces[*id].functions.values();
                imported.extend(functions.map(|function| (key.clone(), function.clone())));
            }
            WorldItem::Function(function) => bail!("it imports `{}`, which is of no interface", function.name),
            WorldItem::Type { .. } => {}
        }
    }
    Ok(imported)
}

/// The code: a function for each one that is imported, and an allocator that forgets everything after each call.
fn core_module(resolve: &Resolve, world: WorldId, imported: &[(WorldKey, Function)]) -> Result<String> {
    let mut sizes = SizeAlign::default();
    sizes.fill(resolve);
    let mut drops: Vec<TypeId> = Vec::new();
    let (mut imports, mut functions) = (String::new(), String::new());
    for (index, (key, function)) in imported.iter().enumerate() {
        let signature = resolve.wasm_signature(AbiVariant::GuestImport, function);
        let (module, name) = resolve.wasm_import_name(NAMES, WasmImport::Func { interface: Some(key), func: function });
        let taken = types("param", &signature.params);
        let given = types("result", &signature.results);
        writeln!(imports, "(import {module:?} {name:?} (func $import{index}{taken}{given}))")?;

        let exported = &Function { name: format!("call{index}"), kind: FunctionKind::Freestanding, ..function.clone() };
        let outside = resolve.wasm_signature(AbiVariant::GuestExport, exported);
        let name = |kind| {
            let export = WasmExport::Func { interface: None, func: exported, kind };
            resolve.wasm_export_name(NAMES, export)
        };
        let (taken, given) = (types("param", &outside.params), types("result", &outside.results));
        writeln!(functions, "(func (export {:?}){taken}{given} (local $result i32)", name(WasmExportKind::Normal))?;
        for at in 0..outside.params.len() {
            writeln!(functions, "  local.get {at}")?;
        }
        if let (true, Some(ty)) = (signature.retptr, &function.result) {
            let (align, size) = (sizes.align(ty).align_wasm32(), sizes.size(ty).size_wasm32());
            writeln!(functions, "  (local.tee $result (call $allocate (i32.const {align}) (i32.const {size})))")?;
        }
        writeln!(functions, "  call $import{index}")?;
        for (at, borrowed) in borrowed(resolve, function)? {
            let position = drops.iter().position(|known| *known == borrowed.resource()).unwrap_or_else(|| {
                drops.push(borrowed.resource());
                drops.len() - 1
            });
            match borrowed {
                Borrowed::One(_) => writeln!(functions, "  (call $drop{position} (local.get {at}))")?,
                Borrowed::List(_) => writeln!(
                    functions,
                    "  (block (loop (br_if 1 (i32.eqz (local.get {length})))
                         (local.set {length} (i32.sub (local.get {length}) (i32.const 1)))
                         (call $drop{position} (i32.load (i32.add (local.get {at})
                           (i32.mul (local.get {length}) (i32.const 4)))))
                         (br 0)))",
                    length = at + 1,
                )?,
            }
        }
        if signature.retptr {
            writeln!(functions, "  local.get $result")?;
        }
        writeln!(functions, ")")?;
        let result = types("param", &outside.results);
        let forget = format!("(global.set $free (i32.const {BASE}))");
        writeln!(functions, "(func (export {:?}){result} {forget})", name(WasmExportKind::PostReturn))?;
    }
    for (position, resource) in drops.iter().enumerate() {
        let (module, name) = drop_import(resolve, world, *resource)?;
        writeln!(imports, "(import {module:?} {name:?} (func $drop{position} (param i32)))")?;
    }
    let memory = resolve.wasm_export_name(NAMES, WasmExport::Memory);
    let realloc = resolve.wasm_export_name(NAMES, WasmExport::Realloc);
    Ok(format!(
        "(module
          {imports}
          (memory (export {memory:?}) 1)
          (global $free (mut i32) (i32.const {BASE}))
          (func $allocate (param $align i32) (param $size i32) (result i32) (local $at i32) (local $end i32)
            (local.set $at (i32.and
              (i32.add (global.get $free) (i32.sub (local.get $align) (i32.const 1)))
              (i32.sub (i32.const 0) (local.get $align))))
            (local.set $end (i32.add (local.get $at) (local.get $size)))
            (if (i32.gt_u (local.get $end) (i32.mul (memory.size) (i32.const 65536)))
              (then (drop (memory.grow (i32.add (i32.const 1) (i32.shr_u (local.get $size) (i32.const 16)))))))
            (global.set $free (local.get $end))
            (local.get $at))
          (func (export {realloc:?}) (param $old i32) (param $had i32) (param $align i32) (param $size i32)
            (result i32) (local $at i32)
            (local.set $at (call $allocate (local.get $align) (local.get $size)))
            (memory.copy (local.get $at) (local.get $old) (local.get $had))
            (local.get $at))
          {functions})"
    ))
}

/// A parameter that lends something, which has to be given back before the call returns.
enum Borrowed {
    One(TypeId),
    List(TypeId),
}

impl Borrowed {
    /// The resource whose handle it is.
    fn resource(&self) -> TypeId {
        let (Borrowed::One(resource) | Borrowed::List(resource)) = self;
        *resource
    }
}

/// All that a call lends, each with the number of the core parameter that it is, or that it begins at.
fn borrowed(resolve: &Resolve, function: &Function) -> Result<Vec<(usize, Borrowed)>> {
    let mut found = Vec::new();
    let mut at = 0;
    for param in &function.params {
        match kind(resolve, &param.ty) {
            Some(TypeDefKind::Handle(Handle::Borrow(id))) => found.push((at, Borrowed::One(origin(resolve, *id)))),
            Some(TypeDefKind::List(element)) => match kind(resolve, element) {
                Some(TypeDefKind::Handle(Handle::Borrow(id))) => found.push((at, Borrowed::List(origin(resolve, *id)))),
                _ => refuse_lent(resolve, function, element)?,
            },
            _ => refuse_lent(resolve, function, &param.ty)?,
        }
        let mut storage = [WasmType::I32; Resolve::MAX_FLAT_PARAMS];
        let mut flat = FlatTypes::new(&mut storage);
        resolve.push_flat(&param.ty, &mut flat);
        at += flat.to_vec().len();
    }
    if at > Resolve::MAX_FLAT_PARAMS && !found.is_empty() {
        bail!("`{}` lends handles among more parameters than fit beside each other", function.name);
    }
    Ok(found)
}

/// No interface that is offered lends a handle within something else, and none of ours will.
fn refuse_lent(resolve: &Resolve, function: &Function, ty: &Type) -> Result<()> {
    let lends = |ty: &Type| lends(resolve, ty);
    if lends(ty) {
        bail!("`{}` lends a handle within something else", function.name);
    }
    Ok(())
}

fn lends(resolve: &Resolve, ty: &Type) -> bool {
    let lends = |ty: &Type| lends(resolve, ty);
    match kind(resolve, ty) {
        Some(TypeDefKind::Handle(Handle::Borrow(_))) => true,
        Some(TypeDefKind::Record(record)) => record.fields.iter().any(|field| lends(&field.ty)),
        Some(TypeDefKind::Tuple(tuple)) => tuple.types.iter().any(lends),
        Some(TypeDefKind::Variant(variant)) => variant.cases.iter().filter_map(|case| case.ty.as_ref()).any(lends),
        Some(TypeDefKind::Option(inner) | TypeDefKind::List(inner)) => lends(inner),
        Some(TypeDefKind::Result(result)) => result.ok.iter().chain(&result.err).any(lends),
        _ => false,
    }
}

/// What a type is, by whatever names it goes; `None` if it is a primitive one.
fn kind<'r>(resolve: &'r Resolve, ty: &Type) -> Option<&'r TypeDefKind> {
    let Type::Id(id) = ty else { return None };
    match &resolve.types[*id].kind {
        TypeDefKind::Type(other) => kind(resolve, other),
        kind => Some(kind),
    }
}

/// Where a resource that goes by other names is declared.
fn origin(resolve: &Resolve, resource: TypeId) -> TypeId {
    match resolve.types[resource].kind {
        TypeDefKind::Type(Type::Id(other)) => origin(resolve, other),
        _ => resource,
    }
}

fn drop_import(resolve: &Resolve, world: WorldId, resource: TypeId) -> Result<(String, String)> {
    let owner = resolve.types[resource].owner;
    let key = resolve.worlds[world].imports.iter().find_map(|(key, item)| match item {
        WorldItem::Interface { id, .. } if owner == TypeOwner::Interface(*id) => Some(key),
        _ => None,
    });
    let interface = key.context("it lends what no interface of its imports declares")?;
    let intrinsic = ResourceIntrinsic::ImportedDrop;
    let import = WasmImport::ResourceIntrinsic { interface: Some(interface), resource, intrinsic };
    Ok(resolve.wasm_import_name(NAMES, import))
}

/// Core types as WebAssembly text has them.
fn types(what: &str, types: &[WasmType]) -> String {
    let words = types.iter().map(|ty| match ty {
        WasmType::I32 | WasmType::Pointer | WasmType::Length => " i32",
        WasmType::I64 | WasmType::PointerOrI64 => " i64",
        WasmType::F32 => " f32",
        WasmType::F64 => " f64",
    });
    if types.is_empty() { String::new() } else { format!(" ({what}{})", words.collect::<String>()) }
}

#[cfg(test)]
mod tests {
    use wasmtime::{Engine, component::Component};

    use super::*;
    use crate::{
        engine::{bindings::OFFERED, config, ctx},
        experiments::Experiments,
    };

    #[test]
    fn every_interface_that_is_offered_can_be_recorded() {
        let mut resolve = Resolve::default();
        resolve.features.insert("tls".to_owned());
        let wit = concat!(env!("CARGO_MANIFEST_DIR"), "/../wit");
        resolve.push_dir(wit).unwrap();
        resolve.push_dir(format!("{wit}/draft")).unwrap();
        let imports: String = OFFERED.iter().map(|interface| format!("import {interface};\n")).collect();
        let all = resolve.push_str("all.wit", &format!("package test:all; world all {{ {imports} }}")).unwrap();
        let world = resolve.select_world(&[all], None).unwrap();
        let mirror = of_world(resolve, world).unwrap();
        assert!(mirror.exports.contains_key("wasi:io/poll@0.2.12#poll"), "{:?}", mirror.exports);

        let engine = Engine::new(&config(Experiments::default())).unwrap();
        let component = Component::new(&engine, &mirror.component).unwrap();
        let linked = ctx::linker(&engine).unwrap().instantiate_pre(&component);
        linked.map(|_| ()).unwrap_or_else(|error| panic!("{error:#}"));
    }

    #[test]
    fn what_has_no_interface_is_refused() {
        let of = |wit: &str| {
            let mut resolve = Resolve::default();
            let package = resolve.push_str("x.wit", wit).unwrap();
            let world = resolve.select_world(&[package], None).unwrap();
            of_world(resolve, world).map(|_| ()).unwrap_err().to_string()
        };
        assert_eq!(of("package a:b; world c { import d: func(); }"), "it imports `d`, which is of no interface");
        let lends = "package a:b; interface i { resource r; f: func(x: option<borrow<r>>); } world c { import i; }";
        assert_eq!(of(lends), "`f` lends a handle within something else");
    }
}
