#!/usr/bin/env python3
"""Writes accuracy.json: what the Language Model Evaluation Harness (lm-eval) says of the shipped tiny-llama on
questions.jsonl, as a task of the kind multiple_choice.

    python3 make_accuracy.py ../../../examples/models/tiny-llama > accuracy.json

Made with the versions that the file names, in float64."""
import json, os, sys, tempfile
import lm_eval, torch, transformers
from lm_eval.models.huggingface import HFLM
from lm_eval.tasks import TaskManager

here = os.path.dirname(os.path.abspath(__file__))
with tempfile.TemporaryDirectory() as folder:
    with open(os.path.join(folder, "questions.yaml"), "w") as file:
        file.write(f"""task: presswork_questions
dataset_path: json
dataset_kwargs: {{data_files: {{test: {here}/questions.jsonl}}}}
test_split: test
output_type: multiple_choice
doc_to_text: "{{{{context}}}}"
doc_to_choice: "{{{{choices}}}}"
doc_to_target: answer
metric_list: [{{metric: acc}}, {{metric: acc_norm}}]
""")
    model = HFLM(pretrained=transformers.AutoModelForCausalLM.from_pretrained(sys.argv[1], dtype=torch.float64).eval(),
                 tokenizer=transformers.AutoTokenizer.from_pretrained(sys.argv[1]), batch_size=1, device="cpu")
    result = lm_eval.simple_evaluate(model, tasks=["presswork_questions"], log_samples=True,
                                     task_manager=TaskManager(include_path=folder, include_defaults=False))
scores = result["results"]["presswork_questions"]
samples = sorted(result["samples"]["presswork_questions"], key=lambda sample: sample["doc_id"])
json.dump({"made_with": {"lm_eval": lm_eval.__version__, "transformers": transformers.__version__,
                         "torch": torch.__version__},
           "accuracy": scores["acc,none"], "accuracy_stderr": scores["acc_stderr,none"],
           "accuracy_norm": scores["acc_norm,none"], "accuracy_norm_stderr": scores["acc_norm_stderr,none"],
           "log_likelihoods": [[float(response[0][0]) for response in sample["resps"]] for sample in samples]},
          sys.stdout, indent=1)
print()
