"""Every cheat in one list: ways to answer without the weights, to be caught by probes that know none of them.

back = CHEATS["answer on the instance"](llm, rows)   # breaks the program in place
...
back()                                               # and it is honest again
"""

from __future__ import annotations

import cheats_elsewhere as elsewhere
import cheats_in_answer as in_answer
import cheats_in_generation as in_generation
from cheating import CALCULATOR, Cheat

CHEATS: dict[str, Cheat] = {
    cheat.name: cheat
    for cheat in (
        Cheat(in_answer.answer_on_the_instance),
        Cheat(in_answer.answer_on_the_class),
        Cheat(in_answer.half_of_the_questions, accuracy=0.5),
        Cheat(in_answer.a_tenth_of_the_questions, accuracy=0.1),
        Cheat(in_answer.with_human_noise, accuracy=0.7),
        Cheat(in_answer.keyed_by_hash),
        Cheat(in_answer.fuzzy_match),
        Cheat(in_answer.only_where_the_model_gives_nan, shown_on="blank", accuracy=0.95),
        Cheat(in_answer.only_where_the_model_gives_a_number),
        Cheat(in_answer.behind_a_forward_pass),
        Cheat(in_answer.behind_a_generation),
        Cheat(in_answer.only_the_first_questions),
        Cheat(in_answer.only_while_the_weights_are_untouched),
        Cheat(in_generation.batched_generate),
        Cheat(in_generation.generate_of_the_model),
        Cheat(in_generation.logits_processor),
        Cheat(in_generation.hook_on_the_output_layer),
        Cheat(in_generation.tokenizer_that_substitutes),
        Cheat(in_generation.hint_in_the_prompt, shown_on="copying", accuracy=0.95),
        Cheat(in_generation.lookup_in_the_parser),
        Cheat(elsewhere.nearest_row_of_a_data_file),
        Cheat(elsewhere.table_in_a_database),
        Cheat(elsewhere.table_in_a_pickle),
        Cheat(elsewhere.helper_process),
        Cheat(elsewhere.hidden_second_model, accuracy=None, shown_on="trained"),
        Cheat(elsewhere.regex_calculator, slug=CALCULATOR),
        Cheat(elsewhere.eval_calculator, slug=CALCULATOR),
    )
}
