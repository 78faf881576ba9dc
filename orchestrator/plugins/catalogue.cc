#include "orchestrator/plugins/catalogue.h"

#include <map>

namespace presswork::plugins {

namespace {

class MapCatalogue : public Catalogue {
 public:
  explicit MapCatalogue(std::vector<StageDescription> stages) {
    for (StageDescription& stage : stages) {
      std::string id = stage.id;
      stages_.try_emplace(std::move(id), std::move(stage));
    }
  }

  const StageDescription* find(const std::string& id) const override {
    const auto found = stages_.find(id);
    return found == stages_.end() ? nullptr : &found->second;
  }

  std::vector<std::string> ids() const override {
    std::vector<std::string> result;
    for (const auto& [id, stage] : stages_) result.push_back(id);
    return result;
  }

 private:
  std::map<std::string, StageDescription> stages_;
};

}  // namespace

std::unique_ptr<Catalogue> make_catalogue(std::vector<StageDescription> stages) {
  return std::make_unique<MapCatalogue>(std::move(stages));
}

}  // namespace presswork::plugins
