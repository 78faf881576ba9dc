#include "orchestrator/workflow/check_parameters.h"

#include <algorithm>

#include "orchestrator/base/json_schema.h"
#include "orchestrator/plugins/catalogue.h"
#include "orchestrator/workflow/document.h"
#include "orchestrator/workflow/names.h"

namespace presswork::workflow {

namespace {

// Whether `pointer` is `above` or stands below it.
bool is_at_or_below(std::string_view pointer, std::string_view above) {
  return pointer.starts_with(above) && (pointer.size() == above.size() || pointer[above.size()] == '/');
}

std::string dotted(std::string_view pointer) {
  std::string path;
  for (const std::string& part : pointer_parts(pointer)) path += (path.empty() ? "" : ".") + part;
  return path;
}

// The hole whose value the error is about; null where it is about what is written out.
const Template::Hole* hole_of(const base::SchemaError& error, const Template& with) {
  const auto found = std::find_if(with.holes().begin(), with.holes().end(), [&](const Template::Hole& hole) {
    if (is_at_or_below(error.pointer, hole.pointer)) return hole.whole || error.kind != "type";
    const bool combined =
        error.kind == "oneOf" || error.kind == "anyOf" || error.kind == "allOf" || error.kind == "not";
    return combined && is_at_or_below(hole.pointer, error.pointer);
  });
  return found == with.holes().end() ? nullptr : &*found;
}

// The part of the schema that speaks of the value at the pointer; null where nothing does.
const base::Json* schema_at(const base::Json& schema, std::string_view pointer) {
  const base::Json* at = &schema;
  for (const std::string& part : pointer_parts(pointer)) {
    if (!at->is_object()) return nullptr;
    const auto properties = at->find("properties");
    const auto items = at->find("items");
    if (properties != at->end() && properties->contains(part)) {
      at = &(*properties)[part];
    } else if (items != at->end() && items->is_object()) {
      at = &*items;
    } else {
      return nullptr;
    }
  }
  return at;
}

bool accepts(std::string_view schema_type, Type type) {
  switch (type) {
    case Type::any:
      return true;
    case Type::boolean:
      return schema_type == "boolean";
    case Type::integer:
      return schema_type == "integer" || schema_type == "number";
    case Type::number:
      return schema_type == "number";
    case Type::string:
      return schema_type == "string";
    case Type::list:
      return schema_type == "array";
    case Type::object:
      return schema_type == "object";
    case Type::null:
      return schema_type == "null";
  }
  return true;
}

void check_hole(const Template::Hole& hole, const TypeOf& type_of,
                const plugins::StageDescription& description, Faults& faults) {
  const base::Json* schema = schema_at(description.parameters, hole.pointer);
  if (schema == nullptr || !schema->is_object() || !schema->contains("type")) return;
  const base::Json types =
      (*schema)["type"].is_array() ? (*schema)["type"] : base::Json::array({(*schema)["type"]});
  Type type = Type::string;
  try {
    if (hole.whole) type = hole.expression.check(type_of);
  } catch (const base::Error&) {
    return;  // reported with the expressions
  }
  std::string wanted;
  for (const base::Json& one : types) {
    if (!one.is_string() || accepts(one.get_ref<const std::string&>(), type)) return;
    wanted += (wanted.empty() ? "" : " or ") + one.get<std::string>();
  }
  faults.add(
      hole.expression.where(),
      "the parameter \"" + dotted(hole.pointer) + "\" of " + description.id + " takes " + wanted +
          ", but this is " + std::string(to_string(type)),
      wanted == "integer" && type == Type::number ? "int(x) and round(x) make an integer of a number" : "");
}

}  // namespace

void check_parameters(const View& view, const plugins::Catalogue& catalogue, const Node& node,
                      const plugins::StageDescription& description, Faults& faults) {
  const Stage& stage = *node.stage();
  const base::Json given = stage.with.source().is_null() ? base::Json::object() : stage.with.source();
  for (const base::SchemaError& error : base::validate(description.parameters, given)) {
    if (hole_of(error, stage.with) != nullptr) continue;  // check_parameter_values() may know it
    if (error.kind == "additionalProperties") {
      faults.add(stage.with.key_where(error.pointer),
                 description.id + " has no parameter \"" + dotted(error.pointer) + "\"",
                 error.allowed.empty() ? "it has none" : suggest(error.key, error.allowed));
    } else if (error.kind == "required") {
      const std::string name = dotted(error.pointer + "/" + pointer_escaped(error.key));
      faults.add(error.pointer.empty() ? stage.uses_where : stage.with.where(error.pointer),
                 description.id + " needs the parameter \"" + name + "\"",
                 error.pointer.empty() ? "add \"with: {" + error.key + ": …}\"" : "");
    } else {
      faults.add(stage.with.where(error.pointer), "the parameter \"" + dotted(error.pointer) + "\" of " +
                                                      description.id + " " + error.message);
    }
  }
  const TypeOf type_of = type_of_names(view, &catalogue, &node);
  for (const Template::Hole& hole : stage.with.holes()) check_hole(hole, type_of, description, faults);
}

void check_parameter_values(const Stage& stage, const plugins::StageDescription& description,
                            const base::Json& params, const std::vector<base::Json>& cells, Faults& faults) {
  if (stage.with.is_literal() || !stage.with.is_known(known_values(params, cells.front()))) return;
  for (const base::Json& cell : cells) {
    const auto add = [&](const base::Where& where, const std::string& message, const std::string& hint = {}) {
      if (faults.has(where)) return;
      faults.add(where, message + (cell.empty() ? "" : ", in the matrix's " + cell.dump()), hint);
    };
    base::Json with;
    try {
      with = stage.with.evaluate(known_values(params, cell));
    } catch (const base::Error& error) {
      add(error.where, error.message, error.hint);
      continue;
    }
    for (const base::SchemaError& error : base::validate(description.parameters, with)) {
      const Template::Hole* hole = hole_of(error, stage.with);
      if (hole == nullptr) continue;
      add(hole->expression.where(),
          "the parameter \"" + dotted(error.pointer) + "\" of " + description.id + " " + error.message);
    }
  }
}

}  // namespace presswork::workflow
