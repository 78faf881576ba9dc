#include <utility>

#include "orchestrator/base/json_schema.h"
#include "orchestrator/workflow/param_value.h"
#include "orchestrator/workflow/reader.h"

namespace presswork::workflow::detail {

namespace {

ParamType param_type(std::string_view text) {
  for (const ParamType type :
       {ParamType::path, ParamType::integer, ParamType::number, ParamType::boolean, ParamType::list}) {
    if (text == to_string(type)) return type;
  }
  return ParamType::string;
}

}  // namespace

Param read_param(const Document& document, const YamlEntry& entry, Faults& faults) {
  Param param;
  param.name = entry.key;
  param.where = document.where(entry.key_mark);
  param.schema = base::Json::object();
  for (const YamlEntry& item : entry.value->entries) {
    if (item.key == "type") {
      param.type = param_type(item.value->scalar.get_ref<const std::string&>());
    } else if (item.key == "description") {
      param.description = item.value->scalar.get<std::string>();
    } else if (item.key == "default") {
      param.fallback = to_json(*item.value);
    } else {
      param.schema[item.key] = to_json(*item.value);
    }
  }
  if (const std::string defect = base::schema_defect(value_schema(param)); !defect.empty()) {
    faults.add(param.where, "the conditions on \"" + param.name + "\" cannot be used: " + defect);
    param.schema = base::Json::object();
  }
  if (param.fallback) {
    if (const std::string fault = value_fault(param, *param.fallback); !fault.empty()) {
      faults.add(document.where(*entry.value->find("default")->value),
                 "the default of \"" + param.name + "\" " + fault);
    }
  }
  return param;
}

}  // namespace presswork::workflow::detail
