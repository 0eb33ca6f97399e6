# docs: pictures from their sources, and the manual for a browser
#
# docs/pictures/*.svg are in the repository, so that the pages show them wherever they are read; a test makes them anew and
# compares. Recordings are made anew by `make recordings` only: their times are those of a real run.

PICTURES   := $(patsubst %.draw,%.svg,$(wildcard docs/pictures/*.draw)) \
              $(patsubst %.session,%.svg,$(wildcard docs/pictures/*.session))
PAGES      := README.md SPEC.md DESIGN.md CHANGELOG.md $(wildcard docs/*.md docs/*/*.md)
MANUAL     := $(BUILD)/docs/manual.html
RECORDED   := $(BUILD)/sdk/fast/fast.elf $(BUILD)/sdk/console/console.elf # programs that the sessions flash

.PHONY: docs pictures recordings
docs: $(MANUAL)
pictures: $(PICTURES)

docs/pictures/%.svg: docs/pictures/%.draw tools/draw
	tools/draw $< > $@

docs/pictures/%.svg: docs/pictures/%.session $$(wildcard docs/pictures/$$*.*.cast) tools/play tools/record
	tools/play $< > $@

# One after the other, so that each has the computer's time for itself.
recordings: $(BUILD)/quadlane $(BUILD)/quadlane-board $(BUILD)/firmware/h750_w25q128-flash.elf $(RECORDED)
	for session in docs/pictures/*.session; do tools/record $$session docs/pictures || exit 1; done
	@$(MAKE) --no-print-directory pictures

$(MANUAL): $(PAGES) $(PICTURES) tools/manual
	tools/manual $(BUILD)/docs
