// `matrix:` and `select:`.
#include "orchestrator/workflow/read_parts.h"

namespace presswork::workflow::detail {

namespace {

std::vector<Matrix::Entry> read_entries(PartReader& parts, const YamlNode& list) {
  std::vector<Matrix::Entry> entries;
  for (const YamlPtr& item : list.items) entries.push_back({to_json(*item), parts.where(*item)});
  return entries;
}

}  // namespace

Matrix read_matrix(PartReader& parts, const YamlNode& map) {
  Matrix matrix;
  matrix.where = parts.where(map);
  for (const YamlEntry& entry : map.entries) {
    if (entry.key == "from") {
      matrix.from = entry.value->scalar.get<std::string>();
      matrix.where = parts.where(*entry.value);
    } else if (entry.key == "include") {
      matrix.include = read_entries(parts, *entry.value);
    } else if (entry.key == "exclude") {
      matrix.exclude = read_entries(parts, *entry.value);
    } else {
      if (!is_identifier(entry.key)) {
        parts.fault(parts.key_where(entry), "\"" + entry.key + "\" cannot be the name of a matrix value",
                    "names are letters, digits and _");
      }
      matrix.axes.push_back({entry.key, parts.templated(entry.value), parts.where(*entry.value)});
    }
  }
  if (!matrix.from.empty() && map.entries.size() > 1) {
    parts.fault(matrix.where, "a matrix that is that of another stage has no values of its own",
                "leave out \"from\", or all the rest");
  } else if (matrix.from.empty() && matrix.axes.empty() && matrix.include.empty()) {
    parts.fault(matrix.where, "the matrix has no values", "for example matrix: {bits: [4, 8]}");
  }
  return matrix;
}

Select read_select(PartReader& parts, const YamlNode& map) {
  Select select;
  const YamlNode& from = *map.find("from")->value;
  select.from = from.scalar.get<std::string>();
  select.from_where = parts.where(from);
  select.choice = parts.choice(map);
  select.exports = parts.exports(map);
  return select;
}

}  // namespace presswork::workflow::detail
