// The report's pictures: inline SVG in the page's own colours, each with a label for those who cannot see it.
// What they show also stands in a table beside them.
#pragma once

#include <string>
#include <vector>

#include "plugins/report/phrases.h"
#include "plugins/report/run_facts.h"

namespace presswork::summary {

// Each takes its section of the model.
std::string tree_chart(const Json& visits, const Phrases& say);
std::string size_chart(const Json& sizes, const Phrases& say);
std::string tradeoff_chart(const Json& tradeoff, const Phrases& say);  // empty when nothing has a place in it
std::string histogram_chart(const Json& histogram, const Phrases& say);
std::string timeline_chart(const Json& timeline, const Phrases& say);

// One drawing being written.
class Svg {
 public:
  // `label` says in words what the picture shows.
  Svg(double width, double height, const std::string& label);

  void line(double x1, double y1, double x2, double y2, const char* style);
  // `hint` is shown to who points at it.
  void box(double x, double y, double width, double height, const char* style, const std::string& hint = {});
  void circle(double x, double y, double radius, const char* style, const std::string& hint = {});
  void diamond(double x, double y, double width, double height, const char* style);
  // Anchor: "start", "middle", "end".
  void text(double x, double y, const std::string& text, const char* style = "",
            const char* anchor = "start");
  void path(const std::string& data, const char* style);
  std::string end();

 private:
  std::string out_;
};

// Round numbers between `low` and `high`, about `count` of them.
std::vector<double> ticks(double low, double high, int count);

}  // namespace presswork::summary
